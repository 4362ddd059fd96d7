// Rows of storage to f32 tiles and back. *_simd.cc files only.
#pragma once

#include "simd/vec.h"

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

WEFT_INLINE Vec interleave_low(Vec a, Vec b) {
#if defined(WEFT_ISA_avx512)
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
#elif defined(WEFT_ISA_avx2)
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
#else
  return __builtin_shufflevector(a, b, 0, 4, 1, 5);
#endif
}
WEFT_INLINE Vec interleave_high(Vec a, Vec b) {
#if defined(WEFT_ISA_avx512)
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                 31);
#elif defined(WEFT_ISA_avx2)
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#else
  return __builtin_shufflevector(a, b, 2, 6, 3, 7);
#endif
}

/// Transposes a square of kLanes vectors, in log2(kLanes) rounds of interleaving its two halves.
WEFT_INLINE void transpose_square(Vec* x) {
  constexpr int L = kLanes;
  Vec y[L];
#pragma GCC unroll 4
  for (int step = 1; step < L; step *= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < L / 2; ++i) {
      y[2 * i] = interleave_low(x[i], x[i + L / 2]);
      y[2 * i + 1] = interleave_high(x[i], x[i + L / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) x[i] = y[i];
  }
}

/// to [columns, to_stride] = transpose of from [rows, from_stride]; rows and columns are whole
/// numbers of vectors.
inline void transpose(const float* from, int64_t rows, int64_t columns, int64_t from_stride,
                      float* to, int64_t to_stride) {
  constexpr int L = kLanes;
  for (int64_t r = 0; r < rows; r += L) {
    for (int64_t c = 0; c < columns; c += L) {
      Vec x[L];
      for (int i = 0; i < L; ++i) x[i] = load(from + (r + i) * from_stride + c);
      transpose_square(x);
      for (int i = 0; i < L; ++i) store(to + (c + i) * to_stride + r, x[i]);
    }
  }
}

}  // namespace weft::WEFT_ISA
