# shellcheck shell=bash
# What every script here starts with: source it right after `set -euo pipefail`.
# Sets `root` (the checkout) and `cores`; gives say, warn, die, quoted.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
cores="$(nproc 2>/dev/null || echo 2)"
export root cores

# Progress goes to stderr, so that a script's stdout holds its result alone.
say() { printf '%s\n' "$*" >&2; }
warn() { printf '%s: warning: %s\n' "${0##*/}" "$*" >&2; }

# die MESSAGE [EXIT_CODE]: 1 is a failure at run time (the default), 2 a mistake in the call.
die() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit "${2:-1}"
}

# A TOML basic string for `weft ... --set key=VALUE`, whatever characters a path holds.
quoted() {
  local text="${1//\\/\\\\}"
  printf '"%s"' "${text//\"/\\\"}"
}

# usage FILE: the comment block at the top of a script is its help text.
usage() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$1"; }
