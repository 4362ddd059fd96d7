// The one matrix product of the tiles: A read operand by operand, B and C in vectors.
// *_simd.cc files only.
#pragma once

#include "attention/tile_operand.h"

namespace weft::WEFT_ISA {

/// Rows of C held in registers: two vectors each leave room for the operands.
inline constexpr int kGemmRows = kRegisters / 4;

/// How the operands A(m, k) lie in memory.
enum class Along : uint8_t {
  k,  ///< at A[m * stride + k]
  m,  ///< at A[k * stride + m]
};

/// What becomes of C.
enum class Into : uint8_t {
  assign,  ///< scale * A B
  add,     ///< C + A B
  join,    ///< keep * C + gain * A B, with a factor for each column
};

template <class E>
struct GemmOperands {
  const E* A;
  int64_t a_stride;
  const E* B;  ///< [K, b_stride]
  int64_t b_stride;
  float* C;  ///< [M, c_stride]
  int64_t c_stride;
};
struct GemmFactors {
  float scale = 1;
  const float *keep = nullptr, *gain = nullptr;  ///< [NV vectors]
};

template <int MR, int NV, Along kAlong, Into kInto, class E>
WEFT_INLINE void gemm_rows(int K, const GemmOperands<E>& x, const GemmFactors& f) {
  Vec acc[MR][NV];
  for (int m = 0; m < MR; ++m) {
    for (int v = 0; v < NV; ++v) acc[m][v] = Vec{};
  }
  const E* a = x.A;
  const E* b = x.B;
  for (int k = 0; k < K; ++k) {
    WordVec row[NV];
    for (int v = 0; v < NV; ++v) row[v] = load_words(b + v * kLanes);
#pragma GCC unroll 8
    for (int m = 0; m < MR; ++m) {
      const WordVec e = splat_word(kAlong == Along::k ? a + m * x.a_stride : a + m);
      for (int v = 0; v < NV; ++v) acc[m][v] = mul_add<E>(e, row[v], acc[m][v]);
    }
    a += kAlong == Along::k ? 1 : x.a_stride;
    b += x.b_stride;
  }
  for (int v = 0; v < NV; ++v) {
    Vec keep{}, gain{};
    if constexpr (kInto == Into::join) {
      keep = load(f.keep + v * kLanes);
      gain = load(f.gain + v * kLanes);
    }
    for (int m = 0; m < MR; ++m) {
      float* c = x.C + m * x.c_stride + v * kLanes;
      if constexpr (kInto == Into::assign) store(c, acc[m][v] * f.scale);
      if constexpr (kInto == Into::add) store(c, load(c) + acc[m][v]);
      if constexpr (kInto == Into::join) store(c, fma(acc[m][v], gain, load(c) * keep));
    }
  }
}

/// C [M, NV vectors] out of A B. Every element is summed over k in increasing order, whatever M and
/// NV, and only then joined with C: thousands of small terms added to a large sum one by one would
/// drift (by 1e-6 of o over 16384 keys).
template <int NV, Along kAlong, Into kInto, class E = float>
inline void gemm(int M, int K, GemmOperands<E> x, const GemmFactors& f = {}) {
  const int64_t step = kAlong == Along::k ? x.a_stride : 1;
  int m = 0;
  for (; m + kGemmRows <= M; m += kGemmRows) {
    gemm_rows<kGemmRows, NV, kAlong, kInto>(K, x, f);
    x.A += kGemmRows * step;
    x.C += kGemmRows * x.c_stride;
  }
  for (; m < M; ++m) {
    gemm_rows<1, NV, kAlong, kInto>(K, x, f);
    x.A += step;
    x.C += x.c_stride;
  }
}

/// C [M, width] += A B with B [K, width] of any whole number of vectors.
template <Along kAlong, class E = float>
inline void gemm_wide(int M, int K, GemmOperands<E> x, int64_t width) {
  int64_t n = 0;
  for (; n + 2 * kLanes <= width; n += 2 * kLanes) {
    gemm<2, kAlong, Into::add>(M, K, x);
    x.B += 2 * kLanes;
    x.C += 2 * kLanes;
  }
  if (n < width) gemm<1, kAlong, Into::add>(M, K, x);
}

}  // namespace weft::WEFT_ISA
