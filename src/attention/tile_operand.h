// What the products of tiles multiply: floats, or, where the instruction set has a dot product of
// bf16, pairs of neighbours at once. Arrays of either hold 32 bits an element. *_simd.cc files
// only.
#pragma once

#include "simd/vec.h"

namespace weft::WEFT_ISA {

/// Two neighbouring bf16, the first in the lower half.
struct Pair {
  uint16_t first, second;
};

/// The operand for tensors of T.
template <class T>
struct OperandOf {
  using Type = float;
};
#ifdef WEFT_ISA_avx512bf16
template <>
struct OperandOf<bf16> {
  using Type = Pair;
};
#endif
template <class T>
using Operand = typename OperandOf<T>::Type;

/// Elements of a tensor in one operand.
template <class E>
inline constexpr int kUnit = 1;
template <>
inline constexpr int kUnit<Pair> = 2;

/// Bits of kLanes operands.
WEFT_INLINE WordVec load_words(const void* p) {
  WordVec w;
  std::memcpy(&w, p, sizeof w);
  return w;
}
WEFT_INLINE void store_words(void* p, WordVec w) {
  std::memcpy(p, &w, sizeof w);
}
/// One operand in all lanes.
WEFT_INLINE WordVec splat_word(const void* p) {
  uint32_t w;
  std::memcpy(&w, p, sizeof w);
  return WordVec{} + w;
}

/// sum + a * b, of pairs both products.
template <class E>
WEFT_INLINE Vec mul_add(WordVec a, WordVec b, Vec sum) {
#ifdef WEFT_ISA_avx512bf16
  if constexpr (kUnit<E> == 2) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
  }
#endif
  return fma(reinterpret_cast<Vec>(a), reinterpret_cast<Vec>(b), sum);
}

// --- f32 arrays as operands ----------------------------------------------------------------------

/// A weight rounded to T, ties away from zero: two steps where rounding to even takes five.
template <class T>
WEFT_INLINE Vec rounded_weight(Vec w) {
  if constexpr (sizeof(T) == sizeof(float)) return w;
  return reinterpret_cast<Vec>((reinterpret_cast<WordVec>(w) + 0x8000u) & 0xffff0000u);
}

/// Rounds n floats (whole vectors) to T in place, where the operand is wider than T: the products
/// of every instruction set then read the same numbers.
template <class T>
WEFT_INLINE void round_in_place(float* x, int64_t n) {
  if constexpr (sizeof(T) == sizeof(float) || kUnit<Operand<T>> == 2) return;
  for (int64_t e = 0; e < n; e += kLanes) store(x + e, widen(narrow(load(x + e))));
}

/// Rows [n, width] as operands of products over their columns, [n, width / unit]: `from` itself, or
/// in `to`.
template <class E>
WEFT_INLINE const E* across(const float* from, int64_t, int64_t, float*) {
  return from;
}
/// Rows [n, width] as operands of products over the rows, [(lead + n) / unit, width]; a zero row
/// comes before them where lead is 1, and after them where a pair would lack its second half.
template <class E>
WEFT_INLINE const E* down(const float* from, int64_t, int64_t, int64_t, float*) {
  return from;
}

#ifdef WEFT_ISA_avx512bf16
typedef uint16_t Halves __attribute__((vector_size(64)));  ///< 32 bf16

WEFT_INLINE Halves load_halves(const void* p, int64_t n = 32) {
  if (n >= 32) {
    Halves h;
    std::memcpy(&h, p, sizeof h);
    return h;
  }
  return reinterpret_cast<Halves>(_mm512_maskz_loadu_epi16((__mmask32{1} << n) - 1u, p));
}
/// 32 floats rounded: a, then b.
WEFT_INLINE Halves narrow(Vec a, Vec b) {
  return reinterpret_cast<Halves>(_mm512_cvtne2ps_pbh(b, a));
}
/// Pairs (a[i], b[i]) of the first and of the last 16 elements.
WEFT_INLINE Halves pairs_low(Halves a, Halves b) {
  return __builtin_shufflevector(a, b, 0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39, 8,
                                 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47);
}
WEFT_INLINE Halves pairs_high(Halves a, Halves b) {
  return __builtin_shufflevector(a, b, 16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23,
                                 55, 24, 56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31,
                                 63);
}
/// Pairs of the two halves of one register: (x[i], x[16 + i]).
WEFT_INLINE Halves pairs_within(Halves x) {
  return __builtin_shufflevector(x, x, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8,
                                 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
/// Channels [0, n) of two rows (null: a row of zeros) as pairs, zeros up to `width` pairs, a
/// multiple of 16.
WEFT_INLINE void pair_rows(const bf16* a, const bf16* b, int64_t n, Pair* to, int64_t width) {
  for (int64_t d = 0; d < width; d += 32) {
    const Halves x = a == nullptr || d >= n ? Halves{} : load_halves(a + d, n - d);
    const Halves y = b == nullptr || d >= n ? Halves{} : load_halves(b + d, n - d);
    const Halves low = pairs_low(x, y), high = pairs_high(x, y);
    std::memcpy(static_cast<void*>(to + d), &low, sizeof low);
    if (d + 16 < width) std::memcpy(static_cast<void*>(to + d + 16), &high, sizeof high);
  }
}

template <>
WEFT_INLINE const Pair* across<Pair>(const float* from, int64_t n, int64_t width, float* to) {
  auto* out = reinterpret_cast<char*>(to);
  int64_t e = 0;
  for (; e + 32 <= n * width; e += 32) {
    const Halves h = narrow(load(from + e), load(from + e + 16));
    std::memcpy(out + 2 * e, &h, sizeof h);
  }
  if (e < n * width) {
    const auto h = reinterpret_cast<HalfVec>(_mm512_cvtneps_pbh(load(from + e)));
    std::memcpy(out + 2 * e, &h, sizeof h);
  }
  return reinterpret_cast<const Pair*>(to);
}

template <>
WEFT_INLINE const Pair* down<Pair>(const float* from, int64_t n, int64_t width, int64_t lead,
                                   float* to) {
  auto* out = reinterpret_cast<char*>(to);
  for (int64_t k = -lead; k < n; k += 2) {
    const float* a = from + k * width;
    for (int64_t d = 0; d < width; d += kLanes) {
      const Vec x = k < 0 ? Vec{} : load(a + d), y = k + 1 < n ? load(a + width + d) : Vec{};
      const Halves h = pairs_within(narrow(x, y));
      std::memcpy(out, &h, sizeof h);
      out += sizeof h;
    }
  }
  return reinterpret_cast<const Pair*>(to);
}
#endif

}  // namespace weft::WEFT_ISA
