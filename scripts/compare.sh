#!/usr/bin/env bash
# Shows Sotto beside ngircd and inspircd, which store nothing, and a bare relay: the same people, words and machine, in one run.
set -euo pipefail

if [ "${1:-}" = --help ]; then
    cat <<'HELP'
Usage: scripts/compare.sh [PEOPLE…]

Starts servers of its own, one after the other, and measures all of them with the load tool: everybody in one room
in a closed loop, once for each number of PEOPLE (100 and 1000); the same at a pace; and what somebody costs who is
silent. Everything goes over TLS 1.3, every delivery is counted, and what holds clients of IRC back is turned off.
Takes about six minutes; every run is appended to target/compare.json. Fails if anything has not come.

ngircd and inspircd are Debian's packages. Root installs them (Debian then starts them as services, too, which
may be stopped: what is measured is not those); everybody else is told how.
HELP
    exit 0
fi

. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
PATH=$PATH:/usr/sbin
need_packages ngircd ngircd inspircd inspircd
load() {
    cargo run --quiet --release --locked --package sotto-tests --bin load -- "$@" \
        --beside ngircd,inspircd --json target/compare.json
}
[ $# -gt 0 ] || set -- 100 1000
for people in "$@"; do
    load fan-out --clients "$people" --messages $((1000000 / people))
done
load paced
load idle --clients 1000 --runs 1
