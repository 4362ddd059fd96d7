// The one matrix product of the tiles: C (+)= A * B with A read scalar by scalar and B, C in
// vectors.
// *_simd.cc files only.
#pragma once

#include "simd/vec.h"

namespace weft::WEFT_ISA {

/// Rows of C held in registers: two vectors each leave room for the operands (32 registers on
/// AVX-512, 16 elsewhere).
inline constexpr int kGemmRows = kLanes == 16 ? 8 : 4;

/// How the elements A(m, k) lie in memory.
enum class Along : uint8_t {
  k,  ///< at A[m * stride + k]
  m,  ///< at A[k * stride + m]
};

struct GemmOperands {
  const float* A;
  int64_t a_stride;
  const float* B;  ///< [K, b_stride]
  int64_t b_stride;
  float* C;  ///< [M, c_stride]
  int64_t c_stride;
};

template <int MR, int NV, Along kAlong, bool kAdd>
WEFT_INLINE void gemm_rows(int K, const GemmOperands& x, float scale) {
  Vec acc[MR][NV];
  for (int m = 0; m < MR; ++m) {
    for (int v = 0; v < NV; ++v) acc[m][v] = Vec{};
  }
  const float* a = x.A;
  const float* b = x.B;
  for (int k = 0; k < K; ++k) {
    Vec row[NV];
    for (int v = 0; v < NV; ++v) row[v] = load(b + v * kLanes);
#pragma GCC unroll 8
    for (int m = 0; m < MR; ++m) {
      const Vec e = splat(kAlong == Along::k ? a[m * x.a_stride] : a[m]);
      for (int v = 0; v < NV; ++v) acc[m][v] = fma(e, row[v], acc[m][v]);
    }
    a += kAlong == Along::k ? 1 : x.a_stride;
    b += x.b_stride;
  }
  for (int m = 0; m < MR; ++m) {
    for (int v = 0; v < NV; ++v) {
      float* c = x.C + m * x.c_stride + v * kLanes;
      store(c, kAdd ? load(c) + acc[m][v] : acc[m][v] * scale);
    }
  }
}

/// C [M, NV vectors] = scale * A B, or C += A B (scale unused). Every element is summed over k in
/// increasing order, whatever M and NV, and only then added to C: thousands of small terms added to
/// a large sum one by one would drift (by 1e-6 of o over 16384 keys).
template <int NV, Along kAlong, bool kAdd>
inline void gemm(int M, int K, GemmOperands x, float scale = 1) {
  const int64_t step = kAlong == Along::k ? x.a_stride : 1;
  int m = 0;
  for (; m + kGemmRows <= M; m += kGemmRows) {
    gemm_rows<kGemmRows, NV, kAlong, kAdd>(K, x, scale);
    x.A += kGemmRows * step;
    x.C += kGemmRows * x.c_stride;
  }
  for (; m < M; ++m) {
    gemm_rows<1, NV, kAlong, kAdd>(K, x, scale);
    x.A += step;
    x.C += x.c_stride;
  }
}

/// C [M, width] += A B with B [K, width] of any whole number of vectors.
template <Along kAlong>
inline void gemm_wide(int M, int K, GemmOperands x, int64_t width) {
  int64_t n = 0;
  for (; n + 2 * kLanes <= width; n += 2 * kLanes) {
    gemm<2, kAlong, true>(M, K, x);
    x.B += 2 * kLanes;
    x.C += 2 * kLanes;
  }
  if (n < width) gemm<1, kAlong, true>(M, K, x);
}

}  // namespace weft::WEFT_ISA
