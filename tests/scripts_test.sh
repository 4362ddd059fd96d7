#!/usr/bin/env bash
# tests/scripts_test.sh ROOT: the scripts parse, refuse wrong calls with one line and exit code 2, and
# split and unpack text exactly. Runs on a copy whose path holds blanks, without network.
set -euo pipefail
root="${1:?usage: scripts_test.sh ROOT}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
failures=0
fail() {
  printf '%s\n' "$*"
  failures=$((failures + 1))
}

copy="$work/a check out"
mkdir -p "$copy"
cp -R "$root/scripts" "$copy/"
scripts=("$copy"/scripts/* "$root/.ci/run")
for script in "${scripts[@]}"; do
  [[ "$(head -c 2 "$script")" != '#!' && "$script" != *.sh ]] || bash -n "$script" || fail "$script does not parse"
done

refused() { # WHAT COMMAND...: exit code 2 and one line on stderr, nothing on stdout
  local what="$1" code=0
  shift
  "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
  [[ "$code" == 2 && ! -s "$work/out" && "$(wc -l <"$work/err")" == 1 ]] ||
    fail "$what: exit $code, $(wc -l <"$work/err") lines: $(head -n 3 "$work/err")"
}
refused "bootstrap, unknown argument" "$copy/scripts/bootstrap" --frobnicate
refused "corpus, no such file" "$copy/scripts/corpus" --data "$work/absent"
refused "corpus, value missing" "$copy/scripts/corpus" --data
printf 'short\n' >"$work/short.txt"
refused "corpus, file too short" "$copy/scripts/corpus" --data "$work/short.txt"
refused "demo, unknown argument" "$copy/scripts/demo" --epochs 3
refused "demo, minutes" "$copy/scripts/demo" --minutes soon
refused "demo, no minutes" "$copy/scripts/demo" --minutes 0

# The split loses and repeats nothing, and the same file is split once.
seq 1 20000 >"$work/own text.txt"
folder="$("$copy/scripts/corpus" --data "$work/own text.txt")"
cat "$folder/train.txt" "$folder/validation.txt" | cmp - "$work/own text.txt" || fail "the split changed the text"
size="$(wc -c <"$work/own text.txt")"
[[ "$(wc -c <"$folder/validation.txt")" == "$((size / 20))" ]] || fail "not a twentieth was held out"
[[ "$("$copy/scripts/corpus" --data "$work/own text.txt")" == "$folder" ]] || fail "the split is not cached"
[[ -z "$(find "$copy/build/corpus" -name '.work*')" ]] || fail "corpus left its working folder behind"

# An R data base made by hand: two lines, then a value that is no character vector.
g++ -std=c++20 -O1 -Wall -Wextra -Werror -o "$work/rdata_text" "$copy/scripts/rdata_text.cc" -lz
word() { # NUMBER: big-endian, as an escape for printf
  printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 >> 24 & 255)) $(($1 >> 16 & 255)) $(($1 >> 8 & 255)) $(($1 & 255))
}
# stored TEXT_WITH_ESCAPES: [size][zlib stream of one stored block] on stdout.
stored() {
  printf '%b' "$1" >"$work/value"
  local size a=1 b=0 byte
  size="$(wc -c <"$work/value")"
  for byte in $(od -An -v -tu1 "$work/value"); do
    a=$(((a + byte) % 65521))
    b=$(((b + a) % 65521))
  done
  printf '%b' "$(word "$size")\\x78\\x01\\x01"
  printf '%b' "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $((size & 255)) $((size >> 8)) $((~size & 255)) $((~size >> 8 & 255)))"
  cat "$work/value"
  printf '%b' "$(word $((b << 16 | a)))"
}
header="X\\n$(word 3)$(word 262401)$(word 197888)$(word 5)UTF-8"
text="$header$(word 16)$(word 2)$(word 262153)$(word 4)Emma$(word 262153)$(word 0)"
numbers="$header$(word 13)$(word 1)$(word 7)"
{
  stored "$text"
  stored "$numbers"
} >"$work/good.rdb"
"$work/rdata_text" "$work/good.rdb" >"$work/lines" || fail "rdata_text refused a good file"
printf 'Emma\n\n' | cmp - "$work/lines" || fail "rdata_text printed something else"
size="$(wc -c <"$work/good.rdb")"
for bytes in 2 9 30 $((size - 1)); do
  head -c "$bytes" "$work/good.rdb" >"$work/cut.rdb"
  code=0
  "$work/rdata_text" "$work/cut.rdb" >"$work/out" 2>"$work/err" || code=$?
  [[ "$code" == 1 && ! -s "$work/out" && "$(wc -l <"$work/err")" == 1 ]] ||
    fail "rdata_text on a file cut to $bytes bytes: exit $code"
done

# bench/peers/compare.py, with stand-ins for weft and for PyTorch's processes: a case's rows come when
# it is measured, with the time that is left; --json is one document.
if command -v python3 >/dev/null; then
  cat >"$work/python" <<'END'
#!/usr/bin/env bash
[[ "$1" != -c ]] || { echo 9.9; exit 0; }
echo '{"ready": true}'
while read -r _; do
  echo '{"steps": {"token": {"seconds": 0.02}}, "peak_bytes": 1048576}'
done
END
  cat >"$work/weft" <<'END'
#!/usr/bin/env bash
echo "$*" >>"${0%/*}/weft.calls"
wc -l <"${0%/*}/rows" >>"${0%/*}/weft.seen"
echo '{"results": [{"name": "x", "seconds": 0.01}]}'
END
  chmod +x "$work/python" "$work/weft"
  compare() { python3 "$root/bench/peers/compare.py" --weft "$work/weft" --python "$work/python" --only decode "$@"; }
  : >"$work/rows"
  compare --rounds 2 >"$work/rows" 2>"$work/err" || fail "compare.py: $(cat "$work/err")"
  [[ "$(grep -c 'PyTorch f32  *token  *20.00 ms  2.00' "$work/rows")" == 1 ]] || fail "compare.py: $(cat "$work/rows")"
  # The heading is there in the first case, its rows in the second.
  [[ "$(sort -nu "$work/weft.seen" | tr '\n' ' ')" == '1 5 ' ]] || fail "compare.py keeps its rows: $(cat "$work/weft.seen")"
  grep -q 'decode bf16.* left$' "$work/err" || fail "compare.py says no time: $(cat "$work/err")"
  ! grep -q $'\r' "$work/err" || fail "compare.py rewrites lines where there is no terminal"
  compare --rounds 1 --json 2>/dev/null | python3 -c 'import json, sys
rows = json.load(sys.stdin)["results"]
assert [r["who"] for r in rows[:3]] == ["Weft", "PyTorch f32", "PyTorch f32, compiled"], rows' || fail "compare.py --json"
  compare --python "$work/absent" --json 2>/dev/null | python3 -m json.tool >/dev/null || fail "compare.py --json without PyTorch"
  code=0
  compare --only nothing >"$work/out" 2>"$work/err" || code=$?
  [[ "$code" == 2 && ! -s "$work/out" && "$(wc -l <"$work/err")" == 1 ]] || fail "compare.py --only nothing: exit $code"
fi

((failures == 0)) && echo "the scripts do what they say"
