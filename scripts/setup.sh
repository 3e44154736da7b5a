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

# What a window needs that nobody sees: for the tests of the desktop client. Installed by root; everybody else
# is told what is missing, and those tests skip themselves.
want_desktop() {
    local missing=() pair
    for pair in Xvfb:xvfb xdotool:xdotool import:imagemagick xclip:xclip; do
        command -v "${pair%%:*}" >/dev/null 2>&1 || missing+=("${pair#*:}")
    done
    local libraries
    libraries=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null || true)
    for pair in libXcursor.so.1:libxcursor1 libXi.so.6:libxi6 libXrandr.so.2:libxrandr2 libEGL.so.1:libegl1 \
        libxkbcommon-x11.so.0:libxkbcommon-x11-0 libX11-xcb.so.1:libx11-xcb1 libGL.so.1:libgl1; do
        [[ $libraries == *"${pair%%:*} "* ]] || missing+=("${pair#*:}")
    done
    [ ${#missing[@]} -eq 0 ] && return
    missing+=(libgl1-mesa-dri)
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "Installing ${missing[*]} …"
        export DEBIAN_FRONTEND=noninteractive
        { apt-get update -qq && apt-get install -y --no-install-recommends "${missing[@]}" >/dev/null; } && return
    fi
    say "The desktop client is not tested in a real window. For that: sudo apt-get install ${missing[*]}"
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
