#!/usr/bin/env bash
# Draws the pictures of the README, and those that the tests compare with, anew. Look at them before you commit
# them. They are drawn by the program itself, without a display.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
UPDATE_SNAPSHOTS=1 cargo test --quiet -p sotto-gui --test gui -- pictures
git status --short client/gui
