#!/usr/bin/env bash
# Puts the desktop client among the programs of this user, and lets it open sotto:// links. What it installs is
# ../../../target/release/sotto, or the program given as the first argument. Undo: install.sh --uninstall
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
share=${XDG_DATA_HOME:-$HOME/.local/share}
program=$HOME/.local/bin/sotto
entry=$share/applications/sotto.desktop
icon=$share/icons/hicolor/scalable/apps/sotto.svg

if [ "${1:-}" = --uninstall ]; then
    rm -f "$program" "$entry" "$icon"
else
    built=${1:-../../../target/release/sotto}
    [ -x "$built" ] || { echo "install.sh: $built is not there; build it: cargo build --release -p sotto-gui" >&2; exit 1; }
    install -D -m 755 "$built" "$program"
    install -D -m 644 sotto.svg "$icon"
    mkdir -p "$(dirname "$entry")"
    # The whole path: what a desktop starts does not always look into ~/.local/bin.
    sed "s|^Exec=sotto|Exec=\"$program\"|" sotto.desktop >"$entry"
fi
command -v update-desktop-database >/dev/null && update-desktop-database "$(dirname "$entry")"
command -v xdg-mime >/dev/null && [ -e "$entry" ] && xdg-mime default sotto.desktop x-scheme-handler/sotto
exit 0
