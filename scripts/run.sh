#!/usr/bin/env bash
# Builds Sotto, starts a server and opens a client on it.
set -euo pipefail

usage() {
    cat <<'HELP'
Usage: scripts/run.sh [--demo] [-- SERVER-OPTIONS…]

Builds Sotto, mints certificates into certs/dev if there are none, starts the server and opens a client on
it: the desktop client where there is a display, the one for terminals elsewhere. The server ends with it.
Without either the server is left running, with its link printed, until it is told to stop.

  --demo    two people chat by script, on a server and with data of their own, and then it ends

What comes after -- goes to sotto-server, for example: scripts/run.sh -- --listen 127.0.0.1:7000
HELP
}

demo=
while [ $# -gt 0 ]; do
    case $1 in
        --demo) demo=yes ;;
        --help | -h) usage; exit 0 ;;
        --) shift; break ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done

. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

bin=target/release
scratch=$(mktemp -d)
server=
listener=

# Ends everything that was started here, by the ids it was started with.
finish() {
    local status=$?
    trap - EXIT INT TERM
    for id in $listener $server; do
        kill -TERM "$id" 2>/dev/null && wait "$id" 2>/dev/null
    done
    rm -rf "$scratch"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

build() {
    say "Building … (the first time takes some minutes)"
    local packages=(-p sotto-server -p sotto-cli -p sotto-certs)
    [ -n "$window" ] && packages+=(-p sotto-gui)
    cargo build --release --locked "${packages[@]}"
}

# Starts the server and waits for its line on standard output; its log goes to a file.
start_server() {
    mkfifo "$scratch/ready"
    "$bin/sotto-server" "$@" >"$scratch/ready" 2>"$scratch/server.log" &
    server=$!
    local line=
    read -r line <"$scratch/ready" || true
    if [ -z "$line" ]; then
        wait "$server" || true
        server=
        tail -n 1 "$scratch/server.log" >&2
        exit 1
    fi
    link=${line##*link=}
}

run_demo() {
    export SOTTO_SERVER SOTTO_PASSWORD="only for this demo"
    start_server --data-dir "$scratch/data" --listen 127.0.0.1:0
    SOTTO_SERVER=$link
    mary() { SOTTO_PROFILE=$scratch/mary "$bin/sotto-cli" --user Mary "$@"; }
    ming() { SOTTO_PROFILE=$scratch/ming "$bin/sotto-cli" --user 小明 "$@"; }
    mary register >/dev/null
    ming register >/dev/null
    ming listen --count 3 >"$scratch/ming.txt" &
    listener=$!
    mary send --everyone 'Good morning, everyone!'
    mary send --to 小明 'Did you get the homework?'
    mary send --to 小明 $'One more thing:\nbring your laptop.'
    wait "$listener"
    listener=
    ming send --to Mary '收到了，谢谢！'
    ming send --everyone '大家早上好！'
    printf '\nWhat 小明 saw while Mary was writing:\n\n'
    sed 's/^/    /' "$scratch/ming.txt"
    printf '\nWhat Mary finds when she comes back:\n\n'
    mary listen --until-caught-up | sed 's/^/    /'
    printf '\nTheir conversation, from the server:\n\n'
    mary history --with 小明 | sed 's/^/    /'
    printf '\nEvery line went through TLS 1.3 with post-quantum key exchange, to a server proven by its pin:\n\n    %s\n' "$link"
}

chat() {
    local name='' said
    while [ -z "$name" ]; do
        read -r -p 'Your name in the chat: ' name || exit 1
    done
    read -r -s -p 'Your password (a new one, if you are new): ' SOTTO_PASSWORD || exit 1
    export SOTTO_PASSWORD
    printf '\n\n'
    # Whoever has an account already just logs in.
    if ! said=$("$bin/sotto-cli" --server "$link" --user "$name" register 2>&1) && [[ $said != *taken* ]]; then
        die "$said"
    fi
    "$bin/sotto-cli" --server "$link" --user "$name" login
}

# A demonstration is read, not looked at.
window=
[ -z "$demo" ] && window=${WAYLAND_DISPLAY:-${DISPLAY:-}}

build
if [ -n "$demo" ]; then
    run_demo
    exit 0
fi
if [ ! -e certs/dev/server.pem ]; then
    "$bin/sotto-certs" mint --dir certs/dev
fi
start_server --cert certs/dev/server.pem --key certs/dev/server.key "$@"
cat <<INFO

The server runs. Its log: $scratch/server.log
Give this link to whoever is to come:

  $link

INFO
if [ -n "$window" ]; then
    "$bin/sotto" "$link"
elif [ -t 0 ] && [ -t 1 ]; then
    chat
else
    printf 'Next, in a terminal:\n\n  %s\n' "$bin/sotto-cli --server '$link' --user NAME register"
    wait "$server"
fi
