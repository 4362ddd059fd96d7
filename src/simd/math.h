// Elementary functions of vectors. Include it from *_simd.cc files only (see vec.h).
#pragma once

#include "simd/vec.h"

namespace weft::WEFT_ISA {

/// e^x within 2 units in the last place; -inf gives 0, overflow inf, NaN NaN; denormal results are
/// kept. Range reduction with ln 2 in two parts: with one part the error at x = -80 is 4e-6.
WEFT_INLINE Vec exp(Vec x) {
  const Vec low = splat(-105.f), high = splat(89.f);  // beyond: 0 and inf
  x = max(low, min(high, x));                         // a NaN is the second operand and stays
  const Vec magic = splat(12582912.f);                // 1.5 * 2^23: adding it rounds to an integer
  const Vec shifted = fma(x, splat(1.44269504088896341f), magic);
  const Vec n = shifted - magic;
  Vec r = fnma(n, splat(0.693359375f), x);  // 10 bits: the product is exact
  r = fnma(n, splat(-2.12194440e-4f), r);
  Vec p = splat(1.9875691500e-4f);
  p = fma(p, r, splat(1.3981999507e-3f));
  p = fma(p, r, splat(8.3334519073e-3f));
  p = fma(p, r, splat(4.1665795894e-2f));
  p = fma(p, r, splat(1.6666665459e-1f));
  p = fma(p, r, splat(5.0000001201e-1f));
  p = fma(p * r, r, r) + 1.f;
#if defined(WEFT_ISA_avx512)
  return _mm512_maskz_scalef_ps(0xffff, p, n);
#else
  // 2^n in two factors, so that neither over- nor underflows where the result does not.
  const IntVec i = reinterpret_cast<IntVec>(shifted) - reinterpret_cast<IntVec>(magic);
  const IntVec half = i >> 1;
  const Vec a = reinterpret_cast<Vec>((half + 127) << 23);
  const Vec b = reinterpret_cast<Vec>((i - half + 127) << 23);
  return p * a * b;
#endif
}

/// sigmoid(z) and 1 - sigmoid(z), each with its full relative accuracy, from one exponential and
/// one division. Never `c = 1 - b`, which cancels at one end.
struct Gate {
  Vec open, closed;
};
WEFT_INLINE Gate gate(Vec z) {
  const Vec e = exp(-abs(z));
  const Vec n = 1.f / (1.f + e);
  const Vec en = e * n;
  const Mask positive = z >= 0.f;
  return {positive ? n : en, positive ? en : n};
}

}  // namespace weft::WEFT_ISA
