// Rows into columns, in registers. *_simd.cc files only.
#pragma once

#include "simd/vec.h"

namespace weft::WEFT_ISA {

// Interleaving within lanes of 128 bits, ones or twos, takes one instruction;
// across them it takes a permutation, which costs twice as much.
WEFT_INLINE Vec ones_low(Vec a, Vec b) {
#if defined(WEFT_ISA_avx512)
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
#elif defined(WEFT_ISA_avx2)
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13);
#else
  return __builtin_shufflevector(a, b, 0, 4, 1, 5);
#endif
}
WEFT_INLINE Vec ones_high(Vec a, Vec b) {
#if defined(WEFT_ISA_avx512)
  return __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
#elif defined(WEFT_ISA_avx2)
  return __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15);
#else
  return __builtin_shufflevector(a, b, 2, 6, 3, 7);
#endif
}
WEFT_INLINE Vec twos_low(Vec a, Vec b) {
#if defined(WEFT_ISA_avx512)
  return __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
#elif defined(WEFT_ISA_avx2)
  return __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
#else
  return __builtin_shufflevector(a, b, 0, 1, 4, 5);
#endif
}
WEFT_INLINE Vec twos_high(Vec a, Vec b) {
#if defined(WEFT_ISA_avx512)
  return __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
#elif defined(WEFT_ISA_avx2)
  return __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
#else
  return __builtin_shufflevector(a, b, 2, 3, 6, 7);
#endif
}
#if defined(WEFT_ISA_avx512) || defined(WEFT_ISA_avx2)
/// The even or the odd 128-bit lanes of a, then those of b.
WEFT_INLINE Vec lanes_even(Vec a, Vec b) {
#if defined(WEFT_ISA_avx512)
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
#else
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
#endif
}
WEFT_INLINE Vec lanes_odd(Vec a, Vec b) {
#if defined(WEFT_ISA_avx512)
  return __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
#else
  return __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
#endif
}
#endif

/// Transposes a square of kLanes vectors: 4 x 4 blocks within lanes of 128 bits, then the lanes.
WEFT_INLINE void transpose_square(Vec* x) {
  constexpr int L = kLanes;
  Vec y[L];  // y[4 g + k]: of rows 4 g .. 4 g + 3, column 4 l + k in lane l
#pragma GCC unroll 4
  for (int g = 0; g < L; g += 4) {
    const Vec a = ones_low(x[g], x[g + 1]), b = ones_high(x[g], x[g + 1]);
    const Vec c = ones_low(x[g + 2], x[g + 3]), d = ones_high(x[g + 2], x[g + 3]);
    y[g] = twos_low(a, c);
    y[g + 1] = twos_high(a, c);
    y[g + 2] = twos_low(b, d);
    y[g + 3] = twos_high(b, d);
  }
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
#if defined(WEFT_ISA_avx512)
    const Vec a = lanes_even(y[k], y[4 + k]), b = lanes_odd(y[k], y[4 + k]);
    const Vec c = lanes_even(y[8 + k], y[12 + k]), d = lanes_odd(y[8 + k], y[12 + k]);
    x[k] = lanes_even(a, c);
    x[4 + k] = lanes_even(b, d);
    x[8 + k] = lanes_odd(a, c);
    x[12 + k] = lanes_odd(b, d);
#elif defined(WEFT_ISA_avx2)
    x[k] = lanes_even(y[k], y[4 + k]);
    x[4 + k] = lanes_odd(y[k], y[4 + k]);
#else
    x[k] = y[k];
#endif
  }
}

/// to [columns, to_stride] = transpose of from [rows, from_stride], as floats; rows and columns are
/// whole numbers of vectors.
template <class T>
inline void transpose(const T* from, int64_t rows, int64_t columns, int64_t from_stride, float* to,
                      int64_t to_stride) {
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
