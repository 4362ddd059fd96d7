// The forward: one key/value head of one sequence, chunk after chunk. *_simd.cc files only.
#pragma once

#include "attention/linear/chunk.h"

namespace weft::WEFT_ISA {

template <class T>
class LinearForward {
 public:
  LinearForward(const AttentionProblem& p, const AttentionRun& run, const MomentumTables& tables,
                Int b, Int kv, const LinearScratch& s)
      : p_(p),
        run_(run),
        t_(tables),
        rows_{p, run, recurrence_of(p.settings), s, b},
        s_(s),
        kv_(kv),
        S_(s.state),
        P_(s.state + s.matrix),
        z_(s.state + rows_.r.matrices() * s.matrix) {}

  void operator()() const {
    const Int group = p_.heads / p_.kv_heads;
    for (Int first = 0; first < run_.time;) {
      const Chunk c = chunk_at(run_, rows_.b, first);
      if (c.fresh) clear(s_.state, s_.state_size);
      if (!c.fresh && first == 0) read_state();
      rows_.read_keys(c, kv_);
      rows_.transpose_keys(c);
      for (Int h = kv_ * group; h < (kv_ + 1) * group; ++h) queries(c, h);
      if (run_.state != nullptr || !ends_document(run_, rows_.b, c)) advance(c);
      first += c.count;
    }
    if (run_.state != nullptr) write_state();
  }

 private:
  void queries(const Chunk& c, Int head) const {
    const Recurrence& r = rows_.r;
    const Int n = c.count;
    rows_.read_queries(c, head);
    lower_products(n, p_.head_dim, s_.q, s_.width, s_.kt, s_.a);
    float factor[kChunk];
    for (Int i = 0; i < n; ++i) {
      const float* weight = r.momentum > 0 ? t_.weight + kChunk - 1 - i : nullptr;
      const float inside = weigh(s_.a + i * kChunk, i, weight);
      factor[i] = r.normalise ? inverse(inside + earlier(c, i)) : p_.scale;
    }
    clear(s_.o, n * s_.value_width);
    add_lower(n, s_.a, s_.v, s_.value_width, s_.o);
    if (!c.fresh) {
      add_state(n, s_.q, S_);
      if (r.momentum > 0) add_state(n, rows_.scale_rows(s_.q, t_.gain + 1, 1, n, s_.width), P_);
    }
    T* o = static_cast<T*>(run_.o);
    for (Int i = 0; i < n; ++i) {
      float* row = s_.o + i * s_.value_width;
      scale(row, factor[i], s_.value_width);
      unpack_row(row, p_.value_dim, o + rows_.output(c, i, head), false);
    }
  }
  /// phi(q) . (sum of phi(k) of earlier chunks)
  float earlier(const Chunk& c, Int i) const {
    return c.fresh ? 0 : dot(s_.q + i * s_.width, z_, s_.width);
  }
  static float inverse(float total) { return total == 0 ? 0.f : 1.f / total; }

  /// Row i of the products: times the weight of their distance, 0 for later keys. Returns the plain
  /// sum.
  static float weigh(float* a, Int i, const float* weight) {
    Vec total{};
    const Int end = round_up(i + 1, kBand);
    for (Int j = 0; j < end; j += kLanes) {
      const Mask seen = lane_numbers() <= splat_int(static_cast<int32_t>(i - j));
      const Vec x = seen ? load(a + j) : Vec{};
      total += x;
      store(a + j, weight == nullptr ? x : x * load(weight + j));
    }
    return sum(total);
  }
  void add_state(Int n, const float* q, const float* matrix) const {
    gemm_wide<Along::k>(static_cast<int>(n), static_cast<int>(p_.head_dim),
                        {q, s_.width, matrix, s_.value_width, s_.o, s_.value_width},
                        s_.value_width);
  }

  /// The state behind the chunk.
  void advance(const Chunk& c) const {
    const Int n = c.count;
    const float* v = s_.v;
    if (rows_.r.momentum > 0) {
      add_scaled(S_, t_.gain[n], P_, s_.matrix);
      scale(P_, t_.power[n], s_.matrix);
      add_keys(n, rows_.scale_rows(s_.v, t_.power + n - 1, -1, n, s_.value_width), P_);
      v = rows_.scale_rows(s_.v, t_.weight + kChunk - n, 1, n, s_.value_width);
    }
    add_keys(n, v, S_);
    if (!rows_.r.normalise) return;
    for (Int i = 0; i < n; ++i) add_scaled(z_, 1, s_.k + i * s_.width, s_.width);
  }
  void add_keys(Int n, const float* v, float* matrix) const {
    gemm_wide<Along::m>(static_cast<int>(p_.head_dim), static_cast<int>(n),
                        {s_.k, s_.width, v, s_.value_width, matrix, s_.value_width},
                        s_.value_width);
  }

  void read_state() const {
    clear(s_.state, s_.state_size);
    if (run_.state == nullptr) return;
    each_row(
        [&](float* kept, float* matrix) { pack_row(kept, p_.value_dim, matrix, s_.value_width); },
        [&](float* kept, float* z) { *z = *kept; });
  }
  void write_state() const {
    each_row([&](float* kept, float* matrix) { unpack_row(matrix, p_.value_dim, kept, false); },
             [&](float* kept, float* z) { *kept = *z; });
  }
  template <class Matrix, class Sum>
  void each_row(Matrix matrix, Sum sum_of_keys) const {
    const Int columns = rows_.r.columns(p_.value_dim);
    float* kept = state_of<float>(p_, run_, columns, rows_.b, kv_);
    for (Int d = 0; d < p_.head_dim; ++d, kept += columns) {
      for (Int m = 0; m < rows_.r.matrices(); ++m) {
        matrix(kept + m * p_.value_dim, s_.state + m * s_.matrix + d * s_.value_width);
      }
      if (rows_.r.normalise) sum_of_keys(kept + columns - 1, z_ + d);
    }
  }

  const AttentionProblem& p_;
  const AttentionRun& run_;
  const MomentumTables& t_;
  const ChunkRows<T> rows_;
  const LinearScratch& s_;
  const Int kv_;
  float *S_, *P_, *z_;
};

}  // namespace weft::WEFT_ISA
