#!/usr/bin/env bash
# tests/isa_symbols.sh BUILD: objects compiled for one instruction set define nothing that the linker
# could take for everybody. A weak function outside weft::avx2, weft::avx512 and weft::avx512bf16 (an inline function or a
# template of a header) could be the copy that is kept, and then run on a machine without those
# instructions.
set -euo pipefail
build="${1:?usage: isa_symbols.sh BUILD}"
mapfile -t objects < <(find "$build" -path '*_avx*' -name '*_simd.cc.o' -o -path '*_avx*' -name '*_mechanism.cc.o' | LC_ALL=C sort)
((${#objects[@]} > 0)) || { echo "no objects of an instruction set in $build"; exit 1; }
status=0
for object in "${objects[@]}"; do
  shared="$(nm -C --defined-only "$object" | awk '$2 == "W" && !/ weft::avx(2|512|512bf16)::/' | cut -c 20-)"
  [[ -z "$shared" ]] || { printf '%s: %s\n' "${object##*/CMakeFiles/}" "$shared"; status=1; }
done
((status != 0)) || echo "${#objects[@]} objects"
exit "$status"
