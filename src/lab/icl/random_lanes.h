// Uniform, normal and gamma numbers of many prompts at once, one prompt a lane, from Philox words.
// Products and sums are rounded one by one and in one order, so that every instruction set draws
// the same bits. For *_simd.cc files only.
#pragma once

#include "lab/icl/sample_plan.h"
#include "simd/philox.h"

namespace weft::WEFT_ISA {

/// (w / 2 + 1/2) of a word, in [1/2, 2^31]: 2^31 times a uniform number whose small values keep all
/// their digits (a float of w / 2^32 would end normals at 5.8 instead of 6.7).
WEFT_INLINE Vec uniform_scaled(WordVec w) {
  return __builtin_convertvector(reinterpret_cast<IntVec>(w >> 1), Vec) + 0.5f;
}
/// Uniform in [-1, 1] with steps of 2^-31 near 0.
WEFT_INLINE Vec uniform_signed(WordVec w) {
  return __builtin_convertvector(reinterpret_cast<IntVec>(w), Vec) * 0x1p-31f;
}

/// -2 ln(u / 2^shift) of positive normal u. u = 2^e m, m in [sqrt(1/2), sqrt(2)), and a polynomial
/// for -2 ln(1 + z) / z that is off by 1.7e-7 of itself.
WEFT_INLINE Vec minus_two_log(Vec u, int shift) {
  const IntVec bits = reinterpret_cast<IntVec>(u);
  const IntVec e = (bits - 0x3f3504f3) >> 23;  // of the float below sqrt(1/2)
  const Vec z = reinterpret_cast<Vec>(bits - (e << 23)) - 1.f;
  Vec p = splat(2.021416873e-01f);
  p = p * z - 3.244528472e-01f;
  p = p * z + 3.450159729e-01f;
  p = p * z - 3.980031610e-01f;
  p = p * z + 4.993982017e-01f;
  p = p * z - 6.667011976e-01f;
  p = p * z + 1.000007272e+00f;
  p = p * z - 1.999999881e+00f;
  return p * z + __builtin_convertvector(shift - e, Vec) * 1.386294361f;
}

struct NormalPair {
  Vec a, b;
};
/// Two normal numbers from two words (Box and Muller). The angle lies in [-pi/2, pi/2], where
/// polynomials are short (5e-8), and its lowest bit decides about the sign of the radius.
WEFT_INLINE NormalPair normals(WordVec radius, WordVec angle) {
  const Vec square = minus_two_log(uniform_scaled(radius), 31);
  const WordVec sign = angle << 31;
  const Vec r = reinterpret_cast<Vec>(reinterpret_cast<WordVec>(sqrt(square)) ^ sign);
  const Vec q = uniform_signed(angle), t = q * q;
  Vec s = splat(1.514851319e-04f);
  s = s * t - 4.673766438e-03f;
  s = s * t + 7.968968153e-02f;
  s = s * t - 6.459637284e-01f;
  s = s * t + 1.570796371e+00f;
  Vec c = splat(8.581908187e-04f);
  c = c * t - 2.081062831e-02f;
  c = c * t + 2.536507547e-01f;
  c = c * t - 1.233698249e+00f;
  c = c * t + 9.999999404e-01f;
  return {r * c, r * (s * q)};
}

/// Attempts at one gamma number, each with a block of its own: 19 of 20 succeed, so that 32 in a
/// row fail once in 1e41 numbers (which would be 0).
inline constexpr uint32_t kGammaAttempts = 32;
/// Smaller ones become 0: vectors shorter than 1e-9.
inline constexpr float kGammaLeast = 1e-18f;
/// One a lane, from the blocks `block` to `block + kGammaAttempts`.
WEFT_INLINE Vec gamma(const icl::GammaLaw& law, const Philox& philox, uint32_t block) {
  Vec result{};
  Mask open = reinterpret_cast<Mask>(lane_numbers()) >= 0;
  for (uint32_t attempt = 0; attempt < kGammaAttempts && any(open); ++attempt) {
    const Philox::Words w = philox(block + attempt);
    const Vec x = normals(w.word[0], w.word[1]).a;
    const Vec root = x * law.C + 1.f;
    const Vec t = root * root * root;
    const Vec two_log_t = -minus_two_log(max(t, splat(1e-30f)), 0);
    const Vec limit = x * x + 2.f * law.D - 2.f * law.D * t + law.D * two_log_t;
    const Mask good = (t > 0.f) & (-minus_two_log(uniform_scaled(w.word[2]), 31) < limit);
    Vec value = law.D * t;
    if (law.minus_half_inverse != 0) {
      const Vec power = minus_two_log(uniform_scaled(w.word[3]), 31) * law.minus_half_inverse;
      value = value * exp_unfused(power);
    }
    result = (good & open) ? value : result;
    open &= ~good;
  }
  // What is left is 0 to every sum, and its squares and products would be denormal: 13 of 1000
  // numbers of shape 0.1, and 20 times the time of a step.
  return result < splat(kGammaLeast) ? Vec{} : result;
}

}  // namespace weft::WEFT_ISA
