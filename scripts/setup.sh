# Sourced by run.sh and test.sh: goes to the repository's root and sees to it that what building needs is there.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

say() { printf '%s\n' "$*" >&2; }

die() {
    say "${0##*/}: $*"
    exit 1
}

# Debian packages that are missing: installed by root, named to everybody else.
need_packages() {
    local missing=()
    while [ $# -gt 0 ]; do
        command -v "$1" >/dev/null 2>&1 || missing+=("$2")
        shift 2
    done
    [ ${#missing[@]} -eq 0 ] && return
    local install="apt-get install -y --no-install-recommends ${missing[*]}"
    command -v apt-get >/dev/null 2>&1 || die "please install: ${missing[*]}"
    [ "$(id -u)" -eq 0 ] || die "please run: sudo $install"
    say "Installing ${missing[*]} …"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && $install >/dev/null; } || die "cannot install ${missing[*]}; is there a network?"
}

# The version that Cargo.toml asks for, from rustup where that is there.
need_rust() {
    local wanted have
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    [ -f "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"
    have=$(rustc --version 2>/dev/null | cut -d' ' -f2)
    if [ -n "$have" ] && [ "$(printf '%s\n%s\n' "$wanted" "$have" | sort -V | head -n1)" = "$wanted" ]; then
        return
    fi
    if command -v rustup >/dev/null 2>&1; then
        say "Installing Rust $wanted …"
        rustup toolchain install "$wanted" --profile minimal -c clippy -c rustfmt || die "rustup cannot install Rust $wanted"
        export RUSTUP_TOOLCHAIN=$wanted
        return
    fi
    die "Sotto needs Rust $wanted or later${have:+, this is $have}. Get it from https://rustup.rs and run this again."
}

need_packages cc gcc
need_rust
