// Weights in vectors, whatever they are stored as. For *_simd.cc files.
#pragma once

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

/// Weights in one vector's worth of memory. They are taken out of its words as they lie, without
/// moving bytes between lanes, which widening needs an instruction for each vector: on Zen 4 bf16
/// in cache goes at 52 GB/s a core so, at 28 widened; int8 at 28 instead of 13.
template <class W>
inline constexpr int kApart = static_cast<int>(sizeof(float) / sizeof(W));
/// Vector k of the kApart of a chunk: lane l is weight kApart l + k, times spread_factor(k).
WEFT_INLINE void load_apart(const float* p, Vec* v) {
  v[0] = load(p);
}
WEFT_INLINE void load_apart(const bf16* p, Vec* v) {
  WordVec words;
  std::memcpy(&words, static_cast<const void*>(p), sizeof words);
  v[0] = reinterpret_cast<Vec>(words << 16);
  v[1] = reinterpret_cast<Vec>(words & 0xffff0000u);
}
/// A byte whose sign bit is flipped is 128 more than the integer. As the lowest digits of the float
/// 2^23 it is that much more than 2^23; as the next ones, 256 times. The differences are exact.
WEFT_INLINE void load_apart(const Int8* p, Vec* v) {
  WordVec words;
  std::memcpy(&words, p, sizeof words);
  const auto digits = [](WordVec w, uint32_t mask, uint32_t flipped, float excess) {
    return reinterpret_cast<Vec>((w & mask) ^ (0x4b000000u | flipped)) - excess;
  };
  const WordVec high = words >> 16;
  v[0] = digits(words, 0xffu, 0x80u, 0x1p23F + 128.F);
  v[1] = digits(words, 0xff00u, 0x8000u, 0x1p23F + 256.F * 128.F);
  v[2] = digits(high, 0xffu, 0x80u, 0x1p23F + 128.F);
  v[3] = digits(high, 0xff00u, 0x8000u, 0x1p23F + 256.F * 128.F);
}
/// Neighbours dealt out in the same way: of kCount vectors in a row, lane l of vector k becomes
/// element kCount l + k.
template <int kCount>
WEFT_INLINE void deal(Vec* v) {
  constexpr std::make_integer_sequence<int, kLanes> kAll;
  if constexpr (kCount > 1) {
    Vec even[kCount / 2], odd[kCount / 2];
    for (int i = 0; i < kCount / 2; ++i) {
      even[i] = parts_of<1, 0>(v[2 * i], v[2 * i + 1], kAll);
      odd[i] = parts_of<1, 1>(v[2 * i], v[2 * i + 1], kAll);
    }
    deal<kCount / 2>(even);
    deal<kCount / 2>(odd);
    for (int i = 0; i < kCount / 2; ++i) v[2 * i] = even[i], v[2 * i + 1] = odd[i];
  }
}
template <class W>
WEFT_INLINE constexpr float spread_factor(int k) {
  return kApart<W> == 4 && k % 2 == 1 ? 256.F : 1.F;
}

WEFT_INLINE void store_exact(float* p, Vec v) {
  store(p, v);
}
#if defined(WEFT_ISA_avx512)
/// Integers of 8 digits as bf16, which holds them: nothing is rounded.
WEFT_INLINE void store_exact(bf16* p, Vec v) {
  const WordVec high = reinterpret_cast<WordVec>(v) >> 16;
  const auto h = reinterpret_cast<HalfVec>(
      _mm512_maskz_cvtepi32_epi16(0xffff, reinterpret_cast<__m512i>(high)));
  std::memcpy(static_cast<void*>(p), &h, sizeof h);
}
#endif

/// n weights as they are multiplied, in a type that holds them.
template <class T>
WEFT_INLINE void widen_row(const T* from, int64_t n, T* to) {
  std::memcpy(static_cast<void*>(to), static_cast<const void*>(from),
              static_cast<size_t>(n) * sizeof(T));
}
template <class W, class T>
WEFT_INLINE void widen_row(const W* from, int64_t n, T* to) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store_exact(to + i, load(from + i));
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    store_partial(to + i, load_partial(from + i, rest), rest);
  }
}

}  // namespace weft::WEFT_ISA
