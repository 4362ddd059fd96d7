// Rows of storage to f32 tiles and back. *_simd.cc files only.
#pragma once

#include "simd/transpose.h"

namespace weft::WEFT_ISA {

/// n elements to f32, padded with zeros up to `width` (whole vectors).
template <class T>
WEFT_INLINE void pack_row(const T* from, int64_t n, float* to, int64_t width) {
  int64_t d = 0;
  for (; d + kLanes <= n; d += kLanes) store(to + d, load(from + d));
  if (d < n) {
    store(to + d, load_partial(from + d, static_cast<int>(n - d)));
    d += kLanes;
  }
  for (; d < width; d += kLanes) store(to + d, Vec{});
}

/// The way back; `add`: to what is there already.
template <class T>
WEFT_INLINE void unpack_row(const float* from, int64_t n, T* to, bool add) {
  int64_t d = 0;
  for (; d + kLanes <= n; d += kLanes) {
    const Vec x = load(from + d);
    store(to + d, add ? load(to + d) + x : x);
  }
  if (d < n) {
    const int rest = static_cast<int>(n - d);
    const Vec x = load(from + d);
    store_partial(to + d, add ? load_partial(to + d, rest) + x : x, rest);
  }
}

}  // namespace weft::WEFT_ISA
