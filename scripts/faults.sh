#!/usr/bin/env bash
# Breaks the server, its disk and the network on purpose, and shows what became of what people said meanwhile.
set -euo pipefail

if [ "${1:-}" = --help ]; then
    cat <<'HELP'
Usage: scripts/faults.sh [--quick | --full] [--seed N] [CASE…]

Starts real servers and clients, kills the servers, cuts the connections and makes the disk fail, and prints for
each case what was sent, acknowledged, lost, doubled, reordered, and what never reached somebody. Exits with 1
if there is anything to be found. As root it also fills small disks and cuts the power of others; what it
mounts for that is gone afterwards. --quick (the default) takes some minutes, --full takes hours.
HELP
    exit 0
fi

. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
# Root installs them; without them, the cases that need them say that they were not run. A library has no command: the package
# faketime brings one, and its library with it.
(PATH=$PATH:/usr/sbin:/sbin need_packages strace strace faketime faketime mkfs.btrfs btrfs-progs mkfs.ext4 e2fsprogs) ||
    say "The cases that need these are not run."
release=
for word in "$@"; do
    [ "$word" = --full ] && release=--release
done
exec cargo run --quiet --locked $release --package sotto-tests --bin faults -- "$@"
