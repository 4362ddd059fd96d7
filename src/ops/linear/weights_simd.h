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

}  // namespace weft::WEFT_ISA
