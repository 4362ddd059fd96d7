#!/usr/bin/env bash
# tests/style.sh ROOT: what a reviewer need not look for. At most 600 lines a file, no tabs, no
# trailing blanks, #pragma once in headers, no left-over markers. (clang-format minds the rest.)
#
# Prints one line a finding and exits 1; also 1 when it found nothing to check.
set -euo pipefail
root="${1:?usage: style.sh ROOT}"
cd "$root"

folders=()
for folder in src include tests bench examples scripts .ci cmake; do
  [[ ! -d "$folder" ]] || folders+=("$folder")
done
# shellcheck disable=SC2016 # the dollars are awk's
find "${folders[@]}" -type f ! -name '*.json' ! -name '*.toml' ! -name '*.md' ! -name '*.safetensors' \
  ! -path '*/testdata/*' ! -path '*/build/*' | LC_ALL=C sort | tr '\n' '\0' |
  xargs -0 awk '
    function finding(reason) { printf "%s:%d: %s\n", file, line, reason; ++findings }
    function leave() {
      if (line > 600) finding(line " lines; at most 600")
      if (file ~ /[.]h$/ && !once) finding("no #pragma once")
    }
    FNR == 1 { if (files++) leave(); file = FILENAME; once = 0 }
    { line = FNR }
    /^#pragma once/ { once = 1 }
    /\t/ { finding("a tab") }
    /[ \t]$/ { finding("blanks at the end of the line") }
    # Put together so that this very file passes.
    $0 ~ "(^|[^A-Za-z])(TO" "DO|FIX" "ME|XX" "X)([^A-Za-z]|$)" { finding("a left-over marker") }
    END {
      if (files == 0) { print "no files found"; exit 1 }
      leave()
      if (findings) exit 1
      printf "%d files\n", files
    }'
