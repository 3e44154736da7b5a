#!/usr/bin/env bash
# Everything that has to be true before a change lands. It needs no terminal and no display.
set -euo pipefail

if [ "${1:-}" = --help ]; then
    cat <<'HELP'
Usage: scripts/test.sh

Checks formatting, lints (warnings are errors), documentation and the fences between the packages, then
runs all tests, the desktop client's in a real window on a display that nobody sees (Xvfb) where that is
installed; root installs it. Then it plays the seeds of the fuzz targets, without fuzzing, and breaks things
on purpose (scripts/faults.sh --quick). The first build takes some minutes.
HELP
    exit 0
fi

. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
want_desktop
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto} RUST_BACKTRACE=${RUST_BACKTRACE:-0}

step=
trap '[ $? -eq 0 ] || say "test.sh: failed: $step"' EXIT

begin() {
    step=$1
    printf '\n== %s (at %s s)\n' "$step" "$SECONDS"
}

# What a package must never depend on, however indirectly.
fence() {
    local package=$1 forbidden=$2
    if cargo tree --locked --package "$package" --edges normal --prefix none | grep -E "^($forbidden) v"; then
        die "$package must not depend on that; see ARCHITECTURE.md, Invariants"
    fi
}

# Two copies of one of these would be two copies of a lock, a key schedule or a database.
one_copy() {
    local crate count
    for crate in "$@"; do
        count=$(grep -c "^name = \"$crate\"$" Cargo.lock)
        [ "$count" -eq 1 ] || die "Cargo.lock has $count copies of $crate"
    done
}

begin "formatting"
cargo fmt --all --check
cargo fmt --manifest-path tests/fuzz/Cargo.toml --check
begin "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings
begin "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
begin "fences"
fence sotto-proto 'tokio|rustls|rusqlite|tracing'
fence sotto-server 'sotto-client|sotto-judge'
fence sotto-client 'egui|eframe|winit|rusqlite'
one_copy tokio rustls rusqlite aws-lc-rs aws-lc-sys bytes egui eframe winit zbus
begin "binaries"
cargo build --workspace --locked
begin "tests"
cargo test --workspace --locked --no-fail-fast
begin "seeds of the fuzz targets"
for seeds in tests/fuzz/corpus/*; do
    cargo run --quiet --locked --manifest-path tests/fuzz/Cargo.toml --target-dir target --bin "${seeds##*/}"
done
begin "faults"
./scripts/faults.sh --quick
