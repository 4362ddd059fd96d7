// Elementary functions of vectors. Include it from *_simd.cc files only (see vec.h).
#pragma once

#include "simd/vec.h"

namespace weft::WEFT_ISA {

/// The nearest integer, of |x| < 2^22.
WEFT_INLINE Vec nearest(Vec x) {
#if defined(WEFT_ISA_avx512)
  return _mm512_maskz_roundscale_ps(0xffff, x, 0);
#else
  const Vec magic = splat(12582912.f);
  return (x + magic) - magic;
#endif
}
/// 2^n times p, of whole n in [-252, 254]: in two factors where the instruction set has no such
/// step, so that neither over- nor underflows where the result does not.
WEFT_INLINE Vec times_power(Vec p, Vec n) {
#if defined(WEFT_ISA_avx512)
  return _mm512_maskz_scalef_ps(0xffff, p, n);
#else
  const IntVec i = __builtin_convertvector(n, IntVec), half = i >> 1;
  const Vec a = reinterpret_cast<Vec>((half + 127) << 23);
  const Vec b = reinterpret_cast<Vec>((i - half + 127) << 23);
  return p * a * b;
#endif
}

/// e^x of x <= 0 within 2 units in the last place; -inf gives 0, NaN NaN; denormal results are
/// kept. Range reduction with ln 2 in two parts: with one part the error at x = -80 is 4e-6.
WEFT_INLINE Vec exp_below(Vec x) {
  x = max(splat(-105.f), x);  // beyond: 0; a NaN is the second operand and stays
  const Vec n = nearest(x * 1.44269504088896341f);
  Vec r = fnma(n, splat(0.693359375f), x);  // 10 bits: the product is exact
  r = fnma(n, splat(-2.12194440e-4f), r);
  Vec p = splat(1.9875691500e-4f);
  p = fma(p, r, splat(1.3981999507e-3f));
  p = fma(p, r, splat(8.3334519073e-3f));
  p = fma(p, r, splat(4.1665795894e-2f));
  p = fma(p, r, splat(1.6666665459e-1f));
  p = fma(p, r, splat(5.0000001201e-1f));
  p = fma(p * r, r, r) + 1.f;
  return times_power(p, n);
}
/// The same for any x; overflow gives inf.
WEFT_INLINE Vec exp(Vec x) {
  return exp_below(min(splat(89.f), x));
}

/// e^x of x <= 0 as weights of attention need it, in fewer steps than exp: off by 8e-8 for floats
/// and by 3e-6, a thousandth of what rounding takes, for weights that are rounded to bf16 next, and
/// by 8e-8 |x| besides, relatively. Below -87 it vanishes or stays at 1e-38; -inf gives 0, NaN NaN.
template <class T>
WEFT_INLINE Vec exp_weight(Vec x) {
#if defined(WEFT_ISA_avx512)
  const Vec least = splat(-200.f);  // 2^-200 is 0
#else
  const Vec least = splat(-126.f);
#endif
  const Vec t = max(least, x * 1.44269504088896341f);  // a NaN is the second operand and stays
  const Vec n = nearest(t), f = t - n;
  Vec p;  // 2^f on [-1/2, 1/2], of least relative error
  if constexpr (sizeof(T) == 2) {
    p = splat(9.570101908e-3f);
    p = fma(p, f, splat(5.591786032e-2f));
    p = fma(p, f, splat(2.402474483e-1f));
    p = fma(p, f, splat(6.931218147e-1f));
    p = fma(p, f, splat(9.999992614e-1f));
  } else {
    p = splat(1.327647198e-3f);
    p = fma(p, f, splat(9.675541334e-3f));
    p = fma(p, f, splat(5.550713274e-2f));
    p = fma(p, f, splat(2.402211972e-1f));
    p = fma(p, f, splat(6.931469671e-1f));
    p = fma(p, f, splat(1.000000072f));
  }
#if defined(WEFT_ISA_avx512)
  return times_power(p, n);
#else
  const IntVec i = __builtin_convertvector(n, IntVec);
  const Vec e = p * reinterpret_cast<Vec>((i + 127) << 23);
  return x == -__builtin_inff() ? Vec{} : e;
#endif
}

/// 1 / x of normal positive x, within 1 unit in the last place.
WEFT_INLINE Vec reciprocal(Vec x) {
#if defined(WEFT_ISA_avx512)
  // A division takes as long as many products; an estimate of 14 bits and a step do not.
  const Vec r = _mm512_maskz_rcp14_ps(0xffff, x);
  return fma(fnma(x, r, splat(1.f)), r, r);
#else
  return 1.f / x;
#endif
}

/// sigmoid(z) and 1 - sigmoid(z), each with its full relative accuracy, from one exponential and
/// one division. Never `c = 1 - b`, which cancels at one end.
struct Gate {
  Vec open, closed;
};
WEFT_INLINE Gate gate(Vec z) {
  const Vec e = exp_below(-abs(z));
  const Vec n = reciprocal(1.f + e);
  const Vec en = e * n;
  const Mask positive = z >= 0.f;
  return {positive ? n : en, positive ? en : n};
}

}  // namespace weft::WEFT_ISA
