#!/usr/bin/env bash
# tests/checkers_test.sh CHECKERS: floors.sh, style.sh and test_map.sh must find what they are for. Each
# case is a little tree with one flaw; the clean tree must pass.
set -euo pipefail
checkers="${1:?usage: checkers_test.sh FOLDER_OF_THE_CHECKERS}"
tree="$(mktemp -d)"
trap 'rm -rf "$tree"' EXIT
failures=0

fresh() {
  rm -rf "${tree:?}"/*
  mkdir -p "$tree/src/base" "$tree/src/simd" "$tree/src/ops/mix" "$tree/src/lab" "$tree/include/weft"
  printf '#pragma once\n#include <vector>\n' >"$tree/src/base/tensor.h"
  printf '#pragma once\n#include "base/tensor.h"\n' >"$tree/src/ops/mix/mix.h"
  printf '#include "ops/mix/mix.h"\n#include <vector>\n' >"$tree/src/ops/mix/mix.cc"
  printf '#pragma once\n#include <string>\n' >"$tree/include/weft/weft.h"
  printf '#include "weft/weft.h"\n' >"$tree/src/lab/lab.cc"
}
expect() { # pass|fail CHECKER WHAT
  local outcome=pass
  bash "$checkers/$2" "$tree" >"$tree/report.txt" 2>&1 || outcome=fail
  rm "$tree/report.txt"
  if [[ "$outcome" != "$1" ]]; then
    printf 'expected %s to %s: %s\n' "$2" "$1" "$3"
    failures=$((failures + 1))
  fi
  fresh
}

fresh
expect pass floors.sh "a tree that keeps to its floors"
echo '#include "ops/mix/mix.h"' >>"$tree/src/base/tensor.h"
expect fail floors.sh "base includes ops"
mkdir "$tree/src/runtime"
echo '#include "simd/vec.h"' >"$tree/src/runtime/runtime.cc"
expect fail floors.sh "two folders of one floor"
echo '#  include "lab/x.h"' >>"$tree/src/ops/mix/mix.cc"
expect fail floors.sh "an include with blanks behind the hash"
echo '#include "mix.h"' >>"$tree/src/ops/mix/mix.cc"
expect fail floors.sh "a path that does not start at src"
echo '#include "base/tensor.h"' >>"$tree/include/weft/weft.h"
expect fail floors.sh "a public header that includes a private one"
echo '#include <fmt/core.h>' >>"$tree/include/weft/weft.h"
expect fail floors.sh "a public header that includes another library"
echo '#include "weft/weft.h"' >>"$tree/src/base/tensor.h"
expect fail floors.sh "base includes the public face"
mkdir "$tree/src/util"
echo >"$tree/src/util/x.cc"
expect fail floors.sh "a folder on no floor"
rm -r "$tree/src" "$tree/include"
mkdir "$tree/src" "$tree/include" "$tree/include/weft"
expect fail floors.sh "nothing to check"

expect pass style.sh "a tidy tree"
seq 601 | sed 's|^|// |' >"$tree/src/base/long.cc"
expect fail style.sh "601 lines"
seq 600 | sed 's|^|// |' >"$tree/src/base/long.cc"
expect pass style.sh "600 lines"
printf '\tint x;\n' >"$tree/src/base/tab.cc"
expect fail style.sh "a tab"
printf 'int x; \n' >"$tree/src/base/blank.cc"
expect fail style.sh "a trailing blank"
printf '#include <vector>\n' >"$tree/src/base/once.h"
expect fail style.sh "a header without #pragma once"
printf '// TO%s: later\n' DO >"$tree/src/base/later.cc"
expect fail style.sh "a left-over marker"

map() { # TEST...
  mkdir -p "$tree/docs" "$tree/tests"
  printf 'TEST_P(Grid,\n       Holds) {}\n' >"$tree/src/base/base_test.cc"
  # shellcheck disable=SC2016 # the quotes of Markdown
  printf '`%s`\n' "$@" >"$tree/docs/test_map.md"
}
map Grid.Holds
expect pass test_map.sh "a map of tests that exist"
map Grid.Holds Grid.Vanished
expect fail test_map.sh "a test that does not exist"
map
expect fail test_map.sh "a map without tests"

((failures == 0)) && echo "the checkers find what they are for"
