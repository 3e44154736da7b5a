#!/usr/bin/env bash
# Looks for what nobody thought of: runs the fuzz targets, and says what they found.
set -euo pipefail

if [ "${1:-}" = --help ]; then
    cat <<'HELP'
Usage: scripts/fuzz.sh [SECONDS] [TARGET…]

Runs each target (all of them, if none is named) for SECONDS (60, if nothing is said), one after the other, each
from its seeds and from what earlier runs kept; then keeps only what covers something. Exits with 1 if one of
them found something, and says how to see it again. Needs nightly Rust and cargo-fuzz, and installs them.

  decoder   frames, however their stream is cut       original  what an original client sends
  request   what a client may ask                     server    people of a server, its disk, its end
  reply     what a server may say                     client    a server that means harm
  link      sotto:// links
HELP
    exit 0
fi

. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

seconds=60
case ${1:-} in
'' | *[!0-9]*) ;;
*)
    seconds=$1
    shift
    ;;
esac
targets=("$@")
[ $# -gt 0 ] || targets=(decoder request reply link original server client)
for target in "${targets[@]}"; do
    [ -d "tests/fuzz/corpus/$target" ] || die "there is no target $target; see $0 --help"
done

command -v rustup >/dev/null 2>&1 || die "fuzzing needs nightly Rust. Get rustup from https://rustup.rs and run this again."
cargo +nightly --version >/dev/null 2>&1 || rustup toolchain install nightly --profile minimal || die "rustup cannot install nightly Rust"
cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --locked || die "cargo cannot install cargo-fuzz"

# The spool of the server that is played with need not be on a disk.
[ -w /dev/shm ] && export TMPDIR=/dev/shm

cd tests
found=0
for target in "${targets[@]}"; do
    corpus=fuzz/corpus/$target
    kept=fuzz/target/corpus/$target
    log=fuzz/target/$target.log
    mkdir -p "$kept"
    cargo +nightly fuzz build "$target" || die "$target cannot be built"
    say "== $target, $seconds s"
    # What is interesting goes to the first of the two.
    if ! cargo +nightly fuzz run "$target" "$kept" "$corpus" -- -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 \
        -len_control=0 -max_len=4096 -print_final_stats=1 >"$log" 2>&1; then
        found=1
        say "$target has found something; the end of tests/$log:"
        grep -aE 'panicked|ERROR|SUMMARY|cargo.*fuzz (run|tmin)' -A1 "$log" | tail -n 12 >&2
        continue
    fi
    grep -aE '^(Done|stat::number_of_executed_units)' "$log" >&2
    grep -aoE 'cov: [0-9]+ ft: [0-9]+ corp: [^ ]+' "$log" | tail -n 1 >&2
    cargo +nightly fuzz cmin "$target" "$kept" >>"$log" 2>&1 || say "$target: what it kept cannot be made smaller"
    say "$(find "$kept" -type f | wc -l) inputs are kept in tests/$kept"
done
exit "$found"
