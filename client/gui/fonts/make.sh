#!/usr/bin/env bash
# Makes the fonts in this directory from their sources. Needs: pip install fonttools; the Debian packages
# fonts-inter and fonts-noto-cjk; and the npm package @phosphor-icons/web, unpacked: make.sh PATH-TO-IT
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
phosphor=${1:?the unpacked npm package @phosphor-icons/web}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

subset() { pyftsubset "$@" --no-hinting --desubroutinize --name-IDs='*' --notdef-outline; }

# Latin, Greek, Cyrillic, punctuation, currency, arrows, mathematics, shapes.
latin=U+0020-024F,U+0300-036F,U+0370-03FF,U+0400-04FF,U+1E00-1EFF,U+2000-206F,U+20A0-20BF
latin+=,U+2100-214F,U+2190-21FF,U+2200-22FF,U+2300-23FF,U+25A0-25FF,U+2600-26FF
for weight in Regular SemiBold; do
    subset "/usr/share/fonts/opentype/inter/Inter-$weight.otf" --unicodes="$latin" \
        --layout-features=kern,mark,mkmk,ccmp,locl --output-file="Inter-$weight.otf"
done

# Every character of GB 2312, and the punctuation around it.
python3 - >"$scratch/gb2312.txt" <<'PY'
for high in range(0xA1, 0xF8):
    for low in range(0xA1, 0xFF):
        try:
            print(bytes([high, low]).decode("gb2312"), end="")
        except UnicodeDecodeError:
            pass
PY
subset /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc --font-number=2 \
    --text-file="$scratch/gb2312.txt" --unicodes=U+3000-303F,U+FF00-FFEF,U+2014,U+2026 \
    --layout-features= --output-file=NotoSansSC-Regular.otf

# The icons that src/icons.rs names.
icons=$(sed -n "s/.*'\\\\u{\([0-9a-f]*\)}'.*/U+\1/p" ../src/icons.rs | paste -sd, -)
subset "$phosphor/src/regular/Phosphor.ttf" --unicodes="$icons" --layout-features= --output-file=Phosphor.ttf
ls -l ./*.otf ./*.ttf
