// One vector type for each instruction set: memory, arithmetic and masks. Include it from *_simd.cc
// files only; everything lies in namespace weft::WEFT_ISA, so that code compiled for AVX-512 never
// stands in for code compiled for something weaker.
//
// A Vec is a GCC/Clang vector of kLanes floats: + - * / and comparisons work lane by lane, a
// comparison gives a Mask, and `mask ? a : b` selects. Multiplies and adds are never contracted by
// the compiler; fma() is fused where the instruction set has it and rounds twice where it has not.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>
#if defined(WEFT_ISA_avx2) || defined(WEFT_ISA_avx512)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "base/dtype.h"

#ifndef WEFT_ISA
#error "simd/vec.h belongs into *_simd.cc files"
#endif

#define WEFT_INLINE inline __attribute__((always_inline))

namespace weft::WEFT_ISA {

#if defined(WEFT_ISA_avx512)
inline constexpr int kLanes = 16;
#elif defined(WEFT_ISA_avx2)
inline constexpr int kLanes = 8;
#else
inline constexpr int kLanes = 4;
#endif
#if defined(WEFT_ISA_avx512) || defined(__aarch64__)
inline constexpr int kRegisters = 32;  ///< of vectors
#else
inline constexpr int kRegisters = 16;
#endif

typedef float Vec __attribute__((vector_size(4 * kLanes)));
typedef int32_t Mask __attribute__((vector_size(4 * kLanes)));  ///< 0 or -1 a lane
typedef int32_t IntVec __attribute__((vector_size(4 * kLanes)));
typedef uint32_t WordVec __attribute__((vector_size(4 * kLanes)));
typedef uint16_t HalfVec __attribute__((vector_size(2 * kLanes)));

WEFT_INLINE Vec splat(float x) {
  return x - Vec{};  // x + 0 would turn -0 into 0, so that the addition stays in the code
}
WEFT_INLINE IntVec splat_int(int32_t x) {
  return IntVec{} + x;
}
/// 0, 1, 2, ...
WEFT_INLINE IntVec lane_numbers() {
  IntVec n;
  for (int i = 0; i < kLanes; ++i) n[i] = i;
  return n;
}

// --- memory: any alignment; `n` lanes of a partial load or store, 0 <= n <= kLanes ---------------

WEFT_INLINE Vec load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
WEFT_INLINE void store(float* p, Vec v) {
  std::memcpy(p, &v, sizeof v);
}

// The conversions between words and halves are spelled out: GCC 12 makes 4 to 8 instructions of
// __builtin_convertvector where one is enough.
/// The values of bfloat16 bit patterns; exact.
WEFT_INLINE Vec widen(HalfVec h) {
#if defined(WEFT_ISA_avx512)
  const auto w =
      reinterpret_cast<WordVec>(_mm512_maskz_cvtepu16_epi32(0xffff, reinterpret_cast<__m256i>(h)));
#elif defined(WEFT_ISA_avx2)
  const auto w = reinterpret_cast<WordVec>(_mm256_cvtepu16_epi32(reinterpret_cast<__m128i>(h)));
#elif defined(__aarch64__)
  const WordVec w = vmovl_u16(h);
#else
  const WordVec w = __builtin_convertvector(h, WordVec);
#endif
  return reinterpret_cast<Vec>(w << 16);
}
/// Bit patterns of the nearest bfloat16 (ties to even, a NaN stays one): the rule of weft::bf16.
WEFT_INLINE HalfVec narrow(Vec v) {
  const WordVec w = reinterpret_cast<WordVec>(v);
  const WordVec rounded = (w + 0x7fffu + ((w >> 16) & 1u)) >> 16;
  const WordVec quiet = (w >> 16) | 0x40u;
  const WordVec nan = reinterpret_cast<WordVec>((w & 0x7fffffffu) > 0x7f800000u);
  const WordVec low = (rounded & ~nan) | (quiet & nan);
#if defined(WEFT_ISA_avx512)
  return reinterpret_cast<HalfVec>(
      _mm512_maskz_cvtepi32_epi16(0xffff, reinterpret_cast<__m512i>(low)));
#elif defined(WEFT_ISA_avx2)
  const auto words = reinterpret_cast<__m256i>(low);
  return reinterpret_cast<HalfVec>(
      _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
#else
  return __builtin_convertvector(low, HalfVec);
#endif
}

WEFT_INLINE Vec load(const bf16* p) {
  HalfVec h;
  std::memcpy(&h, p, sizeof h);
  return widen(h);
}
WEFT_INLINE void store(bf16* p, Vec v) {
  const HalfVec h = narrow(v);
  std::memcpy(static_cast<void*>(p), &h, sizeof h);
}

/// Lanes from n on are 0; memory beyond n elements is not touched.
WEFT_INLINE Vec load_partial(const float* p, int n) {
#if defined(WEFT_ISA_avx512)
  return reinterpret_cast<Vec>(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1u), p));
#else
  Vec v{};
  for (int i = 0; i < n; ++i) v[i] = p[i];
  return v;
#endif
}
WEFT_INLINE Vec load_partial(const bf16* p, int n) {
  HalfVec h{};
  std::memcpy(&h, static_cast<const void*>(p), 2 * static_cast<size_t>(n));
  return widen(h);
}
WEFT_INLINE void store_partial(float* p, Vec v, int n) {
#if defined(WEFT_ISA_avx512)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1u), reinterpret_cast<__m512>(v));
#else
  for (int i = 0; i < n; ++i) p[i] = v[i];
#endif
}
WEFT_INLINE void store_partial(bf16* p, Vec v, int n) {
  const HalfVec h = narrow(v);
  std::memcpy(static_cast<void*>(p), &h, 2 * static_cast<size_t>(n));
}

/// One element of either storage type, and back (the scalar forms of load and store).
WEFT_INLINE float load_scalar(const float* p) {
  return *p;
}
WEFT_INLINE float load_scalar(const bf16* p) {
  return load_partial(p, 1)[0];
}
WEFT_INLINE void store_scalar(float* p, float x) {
  *p = x;
}
WEFT_INLINE void store_scalar(bf16* p, float x) {
  store_partial(p, splat(x), 1);
}

// --- arithmetic ----------------------------------------------------------------------------------

/// a * b + c
WEFT_INLINE Vec fma(Vec a, Vec b, Vec c) {
#if defined(WEFT_ISA_avx512)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(WEFT_ISA_avx2)
  return _mm256_fmadd_ps(a, b, c);
#elif defined(__aarch64__)
  return vfmaq_f32(c, a, b);
#else
  return a * b + c;
#endif
}
/// c - a * b
WEFT_INLINE Vec fnma(Vec a, Vec b, Vec c) {
#if defined(WEFT_ISA_avx512)
  return _mm512_fnmadd_ps(a, b, c);
#elif defined(WEFT_ISA_avx2)
  return _mm256_fnmadd_ps(a, b, c);
#elif defined(__aarch64__)
  return vfmsq_f32(c, a, b);
#else
  return c - a * b;
#endif
}
// (The masked forms of AVX-512 stand in for the plain ones, which GCC 12 warns about: PR 105593.)
/// The larger one; b where either is NaN.
WEFT_INLINE Vec max(Vec a, Vec b) {
#if defined(WEFT_ISA_avx512)
  return _mm512_maskz_max_ps(0xffff, a, b);
#elif defined(WEFT_ISA_avx2)
  return _mm256_max_ps(a, b);
#else
  return a > b ? a : b;
#endif
}
/// The smaller one; b where either is NaN.
WEFT_INLINE Vec min(Vec a, Vec b) {
#if defined(WEFT_ISA_avx512)
  return _mm512_maskz_min_ps(0xffff, a, b);
#elif defined(WEFT_ISA_avx2)
  return _mm256_min_ps(a, b);
#else
  return a < b ? a : b;
#endif
}
WEFT_INLINE Vec abs(Vec a) {
  return reinterpret_cast<Vec>(reinterpret_cast<WordVec>(a) & 0x7fffffffu);
}
WEFT_INLINE Vec sqrt(Vec a) {
#if defined(WEFT_ISA_avx512)
  return _mm512_maskz_sqrt_ps(0xffff, a);
#elif defined(WEFT_ISA_avx2)
  return _mm256_sqrt_ps(a);
#elif defined(__aarch64__)
  return vsqrtq_f32(a);
#elif defined(__SSE2__)
  return _mm_sqrt_ps(a);
#else
  Vec r{};
  for (int i = 0; i < kLanes; ++i) r[i] = __builtin_sqrtf(a[i]);
  return r;
#endif
}

#if defined(WEFT_ISA_avx512) || defined(WEFT_ISA_avx2)
WEFT_INLINE float sum4(__m128 v) {
  v = _mm_add_ps(v, _mm_movehl_ps(v, v));
  return _mm_cvtss_f32(_mm_add_ss(v, _mm_shuffle_ps(v, v, 1)));
}
WEFT_INLINE float sum8(__m256 v) {
  return sum4(_mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1)));
}
#endif
/// Sum over lanes, always in the same order: halves folded onto each other.
WEFT_INLINE float sum(Vec v) {
#if defined(WEFT_ISA_avx512)
  return sum8(_mm256_add_ps(_mm512_maskz_extractf32x8_ps(0xff, v, 0),
                            _mm512_maskz_extractf32x8_ps(0xff, v, 1)));
#elif defined(WEFT_ISA_avx2)
  return sum8(v);
#else
  float x[kLanes];
  store(x, v);
  for (int n = kLanes / 2; n > 0; n /= 2) {
    for (int i = 0; i < n; ++i) x[i] += x[i + n];
  }
  return x[0];
#endif
}
template <int kPart, int kEnd, int... kLane>
WEFT_INLINE Vec parts_of(Vec a, Vec b, std::integer_sequence<int, kLane...>) {
  return __builtin_shufflevector(a, b, (kLane / kPart * 2 * kPart + kEnd + kLane % kPart)...);
}
/// Lane i: the sum over lanes of vector i, in the order of sum(). Overwrites them.
template <int kCount = kLanes>
WEFT_INLINE Vec sum_each(Vec* v) {
  if constexpr (kCount == 1) {
    return v[0];
  } else {
    // Each vector holds kLanes / kCount rows' worth of partial sums; two make one of half as many.
    constexpr int kPart = kCount / 2;
    constexpr std::make_integer_sequence<int, kLanes> kAll;
    for (int i = 0; i < kCount / 2; ++i) {
      v[i] = parts_of<kPart, 0>(v[2 * i], v[2 * i + 1], kAll) +
             parts_of<kPart, kPart>(v[2 * i], v[2 * i + 1], kAll);
    }
    return sum_each<kCount / 2>(v);
  }
}
/// Largest lane; a NaN may or may not come out.
WEFT_INLINE float max_lane(Vec v) {
  float x[kLanes];
  store(x, v);
  for (int n = kLanes / 2; n > 0; n /= 2) {
    for (int i = 0; i < n; ++i) x[i] = x[i] > x[i + n] ? x[i] : x[i + n];
  }
  return x[0];
}

/// Mask of the lanes below n.
WEFT_INLINE Mask first_lanes(int n) {
  return lane_numbers() < splat_int(n);
}
WEFT_INLINE bool any(Mask m) {
#if defined(WEFT_ISA_avx512)
  return _mm512_movepi32_mask(reinterpret_cast<__m512i>(m)) != 0;
#elif defined(WEFT_ISA_avx2)
  return _mm256_movemask_ps(reinterpret_cast<__m256>(m)) != 0;
#elif defined(__aarch64__)
  return vmaxvq_u32(reinterpret_cast<uint32x4_t>(m)) != 0;
#else
  int32_t hit = 0;
  for (int i = 0; i < kLanes; ++i) hit |= m[i];
  return hit != 0;
#endif
}
/// True where every lane is neither NaN nor infinite.
WEFT_INLINE bool all_finite(Vec v) {
  return !any(!(abs(v) <= splat(3.402823466e38f)));
}

}  // namespace weft::WEFT_ISA
