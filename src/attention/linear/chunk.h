// What the two directions share: feature maps, triangular products, the rows of a chunk.
// *_simd.cc files only.
#pragma once

#include "attention/linear/scratch.h"
#include "attention/tile_gemm.h"
#include "attention/tile_pack.h"
#include "simd/math.h"

namespace weft::WEFT_ISA {

/// Rows of a triangular product that share their number of columns: whole vectors everywhere.
inline constexpr Int kBand = 16;

WEFT_INLINE Vec mapped(Feature f, Vec x) {
  if (f == Feature::identity) return x;
  if (f == Feature::relu) return x < 0.f ? Vec{} : x;  // a NaN stays one
  return x > 0.f ? x + 1.f : exp(x);
}
/// dphi/dx from phi(x).
WEFT_INLINE Vec slope(Feature f, Vec phi) {
  if (f == Feature::identity) return splat(1.f);
  if (f == Feature::relu) return phi > 0.f ? splat(1.f) : Vec{};
  return phi < 1.f ? phi : splat(1.f);
}
/// Rows [n, width] of which `dim` channels are in use: phi of them, the padding stays 0.
inline void map_rows(Feature f, float* x, Int n, Int dim, Int width) {
  for (Int i = 0; i < n; ++i, x += width) {
    for (Int d = 0; d < width; d += kLanes) {
      const Vec y = mapped(f, load(x + d));
      const Int rest = dim - d;
      store(x + d, rest >= kLanes ? y : first_lanes(static_cast<int>(rest)) ? y : Vec{});
    }
  }
}
inline void times_slope(Feature f, const float* phi, float* d, Int floats) {
  if (f == Feature::identity) return;
  for (Int e = 0; e < floats; e += kLanes) store(d + e, load(d + e) * slope(f, load(phi + e)));
}

inline void clear(float* x, Int floats) {
  for (Int e = 0; e < floats; e += kLanes) store(x + e, Vec{});
}
inline void scale(float* x, float a, Int floats) {
  for (Int e = 0; e < floats; e += kLanes) store(x + e, load(x + e) * a);
}
/// to += a x
WEFT_INLINE void add_scaled(float* to, float a, const float* x, Int floats) {
  for (Int e = 0; e < floats; e += kLanes) store(to + e, fma(splat(a), load(x + e), load(to + e)));
}
WEFT_INLINE float dot(const float* x, const float* y, Int floats) {
  Vec total{};
  for (Int e = 0; e < floats; e += kLanes) total = fma(load(x + e), load(y + e), total);
  return sum(total);
}
inline bool finite(const float* x, Int floats) {
  // A sum of x - x is 0 where every x is finite, NaN otherwise.
  Vec total{};
  for (Int e = 0; e < floats; e += kLanes) total += load(x + e) - load(x + e);
  return all_finite(total);
}

/// A [n, kChunk]: element (i, j) = X[i] . Y[j] where j <= i, undefined elsewhere. X [n, width] with
/// `dim` channels, YT [width, kChunk].
inline void lower_products(Int n, Int dim, const float* X, Int width, const float* YT, float* A) {
  for (Int j = 0; j < n; j += 2 * kLanes) {
    const int rows = static_cast<int>(n - j), K = static_cast<int>(dim);
    const GemmOperands<float> x{X + j * width, width, YT + j, kChunk, A + j * kChunk + j, kChunk};
    n - j > kLanes ? gemm<2, Along::k, Into::assign>(rows, K, x)
                   : gemm<1, Along::k, Into::assign>(rows, K, x);
  }
}
/// C [n, width] += tril(A) B, A zero above the diagonal up to the end of its band.
inline void add_lower(Int n, const float* A, const float* B, Int width, float* C) {
  // Where some row is not finite, zeros above the diagonal would spread it (0 * NaN is NaN).
  const Int band = finite(B, n * width) ? kBand : 1;
  for (Int i = 0; i < n; i += band) {
    const Int rows = smaller(band, n - i);
    gemm_wide<Along::k>(static_cast<int>(rows), static_cast<int>(i + rows),
                        {A + i * kChunk, kChunk, B, width, C + i * width, width}, width);
  }
}
/// C [n, width] += tril(A)^T B.
inline void add_upper(Int n, const float* A, const float* B, Int width, float* C) {
  const Int band = finite(B, n * width) ? kBand : 1;
  for (Int j = 0; j < n; j += band) {
    const Int rows = smaller(band, n - j);
    gemm_wide<Along::m>(static_cast<int>(rows), static_cast<int>(n - j),
                        {A + j * kChunk + j, kChunk, B + j * width, width, C + j * width, width},
                        width);
  }
}

/// Rows [n, width] to f32, phi of queries and keys; further rows up to whole vectors are 0.
template <class T>
struct ChunkRows {
  const AttentionProblem& p;
  const AttentionRun& run;
  const Recurrence r;
  const LinearScratch& s;
  const Int b;

  Int row(const Chunk& c, Int i) const { return b * run.time + c.first + i; }
  Int output(const Chunk& c, Int i, Int head) const {
    return (row(c, i) * p.heads + head) * p.value_dim;
  }

  void read_queries(const Chunk& c, Int head) const { read(c, p.q[head], true, s.width, s.q); }
  void read_keys(const Chunk& c, Int kv) const {
    read(c, p.k[kv], true, s.width, s.k);
    read(c, p.v[kv], false, s.value_width, s.v);
  }
  void transpose_keys(const Chunk& c) const { turn(c, s.k, s.width, s.kt); }
  void transpose_values(const Chunk& c) const { turn(c, s.v, s.value_width, s.vt); }

  /// Rows times a factor each: those of distance count - 1 - i for keys, of i + 1 for queries.
  const float* scale_rows(const float* rows, const float* factor, Int step, Int n,
                          Int width) const {
    for (Int i = 0; i < n; ++i, factor += step) {
      for (Int e = i * width; e < (i + 1) * width; e += kLanes) {
        store(s.scaled + e, load(rows + e) * *factor);
      }
    }
    return s.scaled;
  }

 private:
  void read(const Chunk& c, const HeadSource& head, bool map, Int width, float* to) const {
    const Int dim = map ? p.head_dim : p.value_dim;
    for (Int i = 0; i < c.count; ++i) {
      pack_row(fresh_row<T>(run, head, row(c, i)), dim, to + i * width, width);
    }
    if (map) map_rows(r.feature, to, c.count, dim, width);
    clear(to + c.count * width, (round_up(c.count, kLanes) - c.count) * width);
  }
  static void turn(const Chunk& c, const float* from, Int width, float* to) {
    transpose(from, round_up(c.count, kLanes), width, width, to, kChunk);
  }
};

}  // namespace weft::WEFT_ISA
