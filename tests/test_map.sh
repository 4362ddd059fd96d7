#!/usr/bin/env bash
# tests/test_map.sh ROOT: every `Suite.Name` in docs/test_map.md is a test of the tree.
#
# Prints one line a missing test and exits 1; also 1 when the map names none.
set -euo pipefail
root="${1:?usage: test_map.sh ROOT}"
cd "$root"

known="$(find src tests -name '*.cc' -exec cat {} + | tr -d ' \n' |
  grep -oE 'TEST(_P|_F)?\([A-Za-z0-9]+,[A-Za-z0-9]+\)' | sed -E 's/.*\((.*),(.*)\)/\1.\2/' | sort -u)"
# shellcheck disable=SC2016 # the quotes of Markdown
named="$(grep -oE '`[A-Z][A-Za-z0-9]*\.[A-Z][A-Za-z0-9]*`' docs/test_map.md | tr -d '`' | sort -u || true)"
[[ -n "$named" ]] || { echo "docs/test_map.md names no tests"; exit 1; }
missing="$(comm -23 <(echo "$named") <(echo "$known"))"
if [[ -n "$missing" ]]; then
  while read -r name; do echo "docs/test_map.md: there is no test $name"; done <<<"$missing"
  exit 1
fi
echo "$(wc -l <<<"$named") tests of the map exist"
