// Weights in vectors, whatever they are stored as, and what the panels of any operand share. For
// *_simd.cc files.
#pragma once

#include "ops/linear/matvec_isa.h"
#include "simd/vec.h"

namespace weft::WEFT_ISA {

/// An int8 weight; memory of them is declared u8, which has the size.
struct Int8 {
  int8_t value;
};

#if !defined(WEFT_ISA_avx512) && !defined(WEFT_ISA_avx2)
typedef int8_t ByteVec __attribute__((vector_size(kLanes)));
#endif

/// The integers as floats; exact.
WEFT_INLINE Vec load(const Int8* p) {
#if defined(WEFT_ISA_avx512)
  __m128i bytes;
  std::memcpy(&bytes, p, sizeof bytes);
  return _mm512_maskz_cvtepi32_ps(0xffff, _mm512_maskz_cvtepi8_epi32(0xffff, bytes));
#elif defined(WEFT_ISA_avx2)
  int64_t bytes;
  std::memcpy(&bytes, p, sizeof bytes);
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_cvtsi64_si128(bytes)));
#else
  ByteVec bytes;
  std::memcpy(&bytes, p, sizeof bytes);
  return __builtin_convertvector(bytes, Vec);
#endif
}
WEFT_INLINE Vec load_partial(const Int8* p, int n) {
  Vec v{};
  for (int i = 0; i < n; ++i) v[i] = static_cast<float>(p[i].value);
  return v;
}

/// n weights in another type.
template <class W, class T>
WEFT_INLINE void widen_row(const W* from, int64_t n, T* to) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(to + i, load(from + i));
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    store_partial(to + i, load_partial(from + i, rest), rest);
  }
}

/// Asks for columns [first, first + n) of `count` weight rows: the next block, a line for each line
/// of this one, while this one is worked on.
template <class W>
WEFT_INLINE void prefetch_rows(const W* w, int64_t in, int64_t first, int64_t n, int count) {
  for (int o = 0; o < count; ++o) {
    const char* row = reinterpret_cast<const char*>(w + o * in + first);
    for (int64_t at = 0; at < n * static_cast<int64_t>(sizeof(W)); at += 64) {
      __builtin_prefetch(row + at);
    }
  }
}

/// y[r, o + j] of the panel that begins at row `first`, from the sums of `count` weight rows:
/// [count, kVecs] vectors of its 16 rows.
template <int kVecs, class Y>
WEFT_INLINE void write_panel(const MatvecArgs& a, int64_t o, int count, int64_t first,
                             const Vec (*sums)[kVecs]) {
  const int64_t rows = a.rows - first < kPanelRows ? a.rows - first : kPanelRows;
  Y* y = static_cast<Y*>(a.y) + first * a.out + o;
  float lanes[kPanelRows];
  for (int j = 0; j < count; ++j) {
    const Vec scale = splat(a.scale == nullptr ? 1.F : a.scale[o + j]);
    for (int v = 0; v < kVecs; ++v) store(lanes + v * kLanes, sums[j][v] * scale);
    for (int64_t r = 0; r < rows; ++r) store_scalar(y + r * a.out + j, lanes[r]);
  }
}

}  // namespace weft::WEFT_ISA
