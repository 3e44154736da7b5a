#!/usr/bin/env bash
# Measures a server: how much it carries, how long that takes, what it costs, beside a bare relay in the same run.
set -euo pipefail

if [ "${1:-}" = --help ]; then
    cat <<'HELP'
Usage: scripts/load.sh [SCENARIO [OPTION…]]

Builds with optimisation, then runs every scenario of the load tool, each against a server of its own, which
takes up to ten minutes; or one of them: fan-out, paced, pairs, log-in, resume, idle, presence, catch-up, store,
files, cuts (`scripts/load.sh fan-out --help` has its options). 10,000 people are 10,100 open files in each
process (`ulimit -n`). Every run is appended to target/load.json. Fails if anything that was sent has not come.
HELP
    exit 0
fi

. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
load() {
    cargo run --quiet --release --locked --package sotto-tests --bin load -- "$@" --json target/load.json
}
if [ $# -gt 0 ]; then
    load "$@"
    exit
fi
load fan-out --clients 10 --messages 30000
for people in 100 1000 10000; do
    load fan-out --clients "$people" --messages $((1000000 / people))
done
load paced
load pairs
load log-in
load resume
load idle --clients 10000 --runs 1
load presence
load catch-up
load store
load files --mib 256 --messages 500
