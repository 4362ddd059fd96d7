// Products of matrices a few rows large, whose every element is a vector of prompts. Each element
// is summed in the order of k, whatever the tiles, so that all instruction sets agree.
// *_simd.cc files only.
#pragma once

#include "lab/icl/pass.h"

namespace weft::WEFT_ISA {

/// Vectors V that fit the registers.
template <class V>
inline constexpr int kHeld = kRegisters / (kOrder<V> + 1);
// Elements of a product that are summed in registers at once, beside a column of operands.
template <class V>
inline constexpr int kTileRows = kHeld<V> >= 32   ? 3
                                 : kHeld<V> >= 16 ? 2
                                                  : 1;
template <class V>
inline constexpr int kTileCols = kHeld<V> >= 32 ? 6 : 3;
template <class V>
inline constexpr int kSquare = kHeld<V> >= 16 ? 3 : 2;

template <int kRows, int kCols, class V, class A, class B, class Write>
WEFT_INLINE void product_tile(int64_t i0, int64_t j0, int64_t K, const A& a, const B& b,
                              const Write& write) {
  V sum[kRows][kCols];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < kCols; ++j) sum[i][j] = V{};
  }
#pragma GCC unroll 1  // 6 steps of 18 sums, a dozen products: the kernel would grow to 40 KB
  for (int64_t k = 0; k < K; ++k) {
    V row[kCols];
#pragma GCC unroll 8
    for (int j = 0; j < kCols; ++j) row[j] = b(k, j0 + j);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const V x = a(i0 + i, k);
#pragma GCC unroll 8
      for (int j = 0; j < kCols; ++j) sum[i][j] += x * row[j];
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < kCols; ++j) write(i0 + i, j0 + j, sum[i][j]);
  }
}

template <int kRows, class V, class A, class B, class Write>
WEFT_INLINE void product_rows(int64_t i, int64_t N, int64_t K, const A& a, const B& b,
                              const Write& write) {
  const int64_t whole = N / kTileCols<V> * kTileCols<V>;
#pragma GCC unroll 1
  for (int64_t j = 0; j < whole; j += kTileCols<V>) {
    product_tile<kRows, kTileCols<V>, V>(i, j, K, a, b, write);
  }
  for (int64_t j = whole; j < N; ++j) product_tile<kRows, 1, V>(i, j, K, a, b, write);
}

/// write(i, j, sum over k of a(i, k) b(k, j)) for i < M, j < N, k < K.
template <class V, class A, class B, class Write>
WEFT_INLINE void product(int64_t M, int64_t N, int64_t K, const A& a, const B& b,
                         const Write& write) {
  const int64_t whole = M / kTileRows<V> * kTileRows<V>;
#pragma GCC unroll 1
  for (int64_t i = 0; i < whole; i += kTileRows<V>) {
    product_rows<kTileRows<V>, V>(i, N, K, a, b, write);
  }
  for (int64_t i = whole; i < M; ++i) product_rows<1, V>(i, N, K, a, b, write);
}

/// The same of a result that is symmetric, N x N, into c [N, N]: one triangle is computed.
template <class V, class A, class B>
WEFT_INLINE void symmetric_product(int64_t N, int64_t K, const A& a, const B& b, double factor,
                                   V* c) {
  const auto write = [&](int64_t i, int64_t j, V sum) {
    if (i > j) return;  // of a tile on the diagonal: rounded otherwise than its twin
    c[i * N + j] = c[j * N + i] = factor == 1 ? sum : scale(sum, factor);
  };
  constexpr int64_t kS = kSquare<V>;
  const int64_t whole = N / kS * kS;
#pragma GCC unroll 1
  for (int64_t i = 0; i < whole; i += kS) {
#pragma GCC unroll 1
    for (int64_t j = i; j < whole; j += kS) product_tile<kS, kS, V>(i, j, K, a, b, write);
  }
  for (int64_t j = whole; j < N; ++j) {
    for (int64_t i = 0; i <= j; ++i) product_tile<1, 1, V>(i, j, K, a, b, write);
  }
}

/// Sum over k < K of a(k) b(k).
template <class V, class A, class B>
WEFT_INLINE V dot(int64_t K, const A& a, const B& b) {
  V sum{};
  for (int64_t k = 0; k < K; ++k) sum += a(k) * b(k);
  return sum;
}

/// m [rows, N] as a function of (i, j), and transposed.
template <class V>
WEFT_INLINE auto matrix(const V* m, int64_t N) {
  return [m, N](int64_t i, int64_t j) -> V { return m[i * N + j]; };
}
template <class V>
WEFT_INLINE auto transposed(const V* m, int64_t N) {
  return [m, N](int64_t i, int64_t j) -> V { return m[j * N + i]; };
}
template <class V>
WEFT_INLINE auto column(const V* v) {
  return [v](int64_t i) -> V { return v[i]; };
}

}  // namespace weft::WEFT_ISA
