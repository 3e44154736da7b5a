#!/usr/bin/env bash
# Mints an identity and a TLS certificate for a server on this machine, into certs/dev.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

case "${1:-}" in
-h | --help)
    cat <<'HELP'
Usage: scripts/gen-certs.sh [--san NAME_OR_IP]... [--dir DIR] [--force]

Mints a Sotto server's identity and its first TLS certificate, and prints the pin that clients remember.
The four files go to certs/dev, which git ignores: identity.key, identity.pem, server.key, server.pem.

  --san NAME_OR_IP  one more name that clients use for the server; this machine's own are always in
  --dir DIR         another place than certs/dev, relative to the top of the repository
  --force           replace what is there; every client that knows the old identity will stop

Example: scripts/gen-certs.sh --san chat.example.org --san 203.0.113.7

To renew: cargo run --release -p sotto-certs -- renew
HELP
    exit 0
    ;;
esac

exec cargo run --quiet --release -p sotto-certs -- mint --dir certs/dev "$@"
