// Doubles, as many as fill a vector register: half as many lanes as vec.h has floats. Include it
// from *_simd.cc files only. + - * / and comparisons work lane by lane and round one by one; there
// is no fused form, so that every instruction set gives the same bits.
#pragma once

#include "simd/vec.h"

namespace weft::WEFT_ISA {

inline constexpr int kLanes64 = kLanes / 2;

typedef double Vec64 __attribute__((vector_size(4 * kLanes)));
typedef int64_t Mask64 __attribute__((vector_size(4 * kLanes)));  ///< 0 or -1 a lane
typedef uint64_t WordVec64 __attribute__((vector_size(4 * kLanes)));

WEFT_INLINE Vec64 splat(double x) {
  return x - Vec64{};
}
WEFT_INLINE Vec64 load(const double* p) {
  Vec64 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
WEFT_INLINE void store(double* p, Vec64 v) {
  std::memcpy(p, &v, sizeof v);
}
/// The larger one; b where either is NaN.
WEFT_INLINE Vec64 max(Vec64 a, Vec64 b) {
  return a > b ? a : b;
}

WEFT_INLINE Vec64 sqrt(Vec64 a) {
#if defined(WEFT_ISA_avx512)
  return _mm512_maskz_sqrt_pd(0xff, a);
#elif defined(WEFT_ISA_avx2)
  return _mm256_sqrt_pd(a);
#elif defined(__aarch64__)
  return vsqrtq_f64(a);
#elif defined(__SSE2__)
  return _mm_sqrt_pd(a);
#else
  Vec64 r{};
  for (int i = 0; i < kLanes64; ++i) r[i] = __builtin_sqrt(a[i]);
  return r;
#endif
}
/// Half as many floats as a Vec has, exactly.
WEFT_INLINE Vec64 load_widened(const float* p) {
  typedef float HalfFloats __attribute__((vector_size(2 * kLanes)));
  HalfFloats half;
  std::memcpy(&half, p, sizeof half);
  return __builtin_convertvector(half, Vec64);
}

/// e^x of x <= 0 within 2 units in the last place, unfused; 0 below -708, NaN stays.
WEFT_INLINE Vec64 exp_unfused(Vec64 x) {
  const Vec64 magic = splat(6755399441055744.);  // 1.5 * 2^52: the sum's last bits are n
  const Vec64 shifted = x * 1.44269504088896340736 + magic;
  const Vec64 n = shifted - magic;
  const Vec64 r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
  // Taylor: on |r| <= ln 2 / 2 the first term left out is below 5e-18.
  Vec64 p = splat(1. / 6227020800.);
  p = p * r + 1. / 479001600.;
  p = p * r + 1. / 39916800.;
  p = p * r + 1. / 3628800.;
  p = p * r + 1. / 362880.;
  p = p * r + 1. / 40320.;
  p = p * r + 1. / 5040.;
  p = p * r + 1. / 720.;
  p = p * r + 1. / 120.;
  p = p * r + 1. / 24.;
  p = p * r + 1. / 6.;
  p = p * r + 0.5;
  p = (p * r) * r + r + 1.;
  const WordVec64 power = (reinterpret_cast<WordVec64>(shifted) + 1023u) << 52;
  const Vec64 e = p * reinterpret_cast<Vec64>(power);
  return x < -708. ? Vec64{} : e;
}

/// The same of floats: 0 below -87.
WEFT_INLINE Vec exp_unfused(Vec x) {
  const Vec magic = splat(12582912.f);  // 1.5 * 2^23
  const Vec shifted = x * 1.44269504088896341f + magic;
  const Vec n = shifted - magic;
  const Vec r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  Vec p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = (p * r) * r + r + 1.f;
  const WordVec power = (reinterpret_cast<WordVec>(shifted) + 127u) << 23;
  const Vec e = p * reinterpret_cast<Vec>(power);
  return x < -87.f ? Vec{} : e;
}

}  // namespace weft::WEFT_ISA
