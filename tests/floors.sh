#!/usr/bin/env bash
# tests/floors.sh ROOT: a file includes only lower floors or its own folder (DESIGN, docs/ and README).
#
# Prints one line a breach and exits 1; also 1 when it found nothing to check. The public headers in
# include/weft see only each other and the standard library, and only the highest floors, examples
# and tests see them.
set -euo pipefail
root="${1:?usage: floors.sh ROOT}"
cd "$root"

# shellcheck disable=SC2016 # the dollars are awk's
find src include/weft -name '*.h' -o -name '*.cc' -o -name '*.cu' | LC_ALL=C sort | tr '\n' '\0' |
  xargs -0 awk '
    BEGIN {
      split("base:0 simd:1 runtime:1 io:1 ops:2 attention:3 program:3 model:4 data:5 train:6 " \
            "infer:6 lab:7 api:8 cli:8", entries, " ")
      for (i in entries) { split(entries[i], pair, ":"); floor[pair[1]] = pair[2] }
    }
    function breach(reason) { printf "%s:%d: %s\n", FILENAME, FNR, reason; ++breaches }
    FNR == 1 {
      ++files
      split(FILENAME, part, "/")
      public = part[1] == "include"
      own = part[2]
      if (!public && !(own in floor)) breach("folder src/" own " stands on no floor")
    }
    /^[ \t]*#[ \t]*include[ \t]*["<]/ {
      target = $0
      sub(/^[^"<]*["<]/, "", target)
      sub(/[">].*/, "", target)
      quoted = $0 ~ /include[ \t]*"/
      slashes = split(target, into, "/")
      if (into[1] == "weft" && slashes > 1) {
        if (!public && floor[own] < 6) breach("floor " floor[own] " includes the public face: " target)
        next
      }
      if (public) {
        # The standard library has no dots and no folders in its header names; C headers have .h.
        if (quoted || target !~ /^[a-z0-9_]+$/) breach("a public header includes " target)
        next
      }
      if (!quoted) next
      if (slashes == 1 || !(into[1] in floor)) { breach("write the path from src/: " target); next }
      if (into[1] != own && floor[into[1]] >= floor[own])
        breach(own " (floor " floor[own] ") includes " target " (floor " floor[into[1]] ")")
    }
    END {
      if (files == 0) { print "no files found"; exit 1 }
      if (breaches) exit 1
      printf "%d files keep to their floors\n", files
    }'
