#!/usr/bin/env bash
# Attacks a server of its own from a thousand of this machine's addresses, and shows what honest people notice of it.
set -euo pipefail

if [ "${1:-}" = --help ]; then
    cat <<'HELP'
Usage: scripts/attack.sh [--quick | --full] [CASE…]

Starts a real server and attacks it from up to 2,500 of this machine's addresses (127.1.x.y); prints what honest
people noticed of it beside what they may notice at most. Exits with 1 if that is more. A release build; --quick
(the default) takes at most a minute for each case, --full at most ten. Linux only.

  crowd   2,500 silent and dribbling connections from 500 addresses, which come back when they are thrown out
  swarm   the same, each from an address of its own
  churn   connections given up half-way through the handshake (10,000; --full: 100,000): what is left of them
  guess   passwords for one account from 200 addresses (--full: 1,000), while its owner logs in
  names   whether the time of an answer tells who has an account (200 names of each kind; --full: 2,000)
  storm   500 log-ins in one moment, while somebody chats
  deaf    people who ask and do not read the answers (50; --full: 200), logged in or not: the memory they cost
  reloads 50 certificates replaced, each after one that must not be used, with 100 people logged in (--full: 500)
  vanish  people of whom and to whom no packet comes any more (50; --full: 200): that they are let go of and find
          everything when they come back; needs root and nft
  tls     what sslscan and testssl.sh complain of, and whether our own handshakes are post-quantum
HELP
    exit 0
fi

. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
# Root installs them; without them the cases that need them say so.
(PATH=$PATH:/usr/sbin:/sbin need_packages sslscan sslscan testssl testssl.sh nft nftables) || say "The cases that need these go without."
exec cargo run --quiet --locked --release --package sotto-tests --bin attack -- "$@"
