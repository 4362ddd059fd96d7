// The backward: forth through the chunks of a key/value head for the states at their beginnings,
// then back with the gradient of the state behind them. *_simd.cc files only.
#pragma once

#include "attention/linear/chunk.h"

namespace weft::WEFT_ISA {

template <class T>
class LinearBackward {
 public:
  LinearBackward(const AttentionProblem& p, const AttentionRun& run, const MomentumTables& tables,
                 Int b, Int kv, const OwnerSums& sums, const LinearScratch& s)
      : p_(p),
        run_(run),
        t_(tables),
        rows_{p, run, recurrence_of(p.settings), s, b},
        s_(s),
        kv_(kv),
        sums_(sums),
        z_at_(rows_.r.matrices() * s.matrix),
        D_(s.width),
        E_(s.value_width) {}

  void operator()() const {
    Int kept = 0;
    for (Int n = keep_states(kept); n-- > 0;) {
      const Chunk c = chunk_at(run_, rows_.b, s_.starts[n]);
      chunk(c, c.fresh ? nullptr : s_.kept + --kept * s_.state_size);
    }
  }

 private:
  bool momentum() const { return rows_.r.momentum > 0; }

  /// Walks forth. Returns the number of chunks; `kept` counts those that do not begin a document.
  Int keep_states(Int& kept) const {
    Int chunks = 0;
    for (Int first = 0; first < run_.time; ++chunks) {
      const Chunk c = chunk_at(run_, rows_.b, first);
      s_.starts[chunks] = static_cast<int32_t>(first);
      if (c.fresh) {
        clear(s_.state, s_.state_size);
      } else {
        copy(s_.state, s_.kept + kept++ * s_.state_size);
      }
      if (!ends_document(run_, rows_.b, c)) advance(c);
      first += c.count;
    }
    return chunks;
  }
  void copy(const float* from, float* to) const {
    for (Int e = 0; e < s_.state_size; e += kLanes) store(to + e, load(from + e));
  }
  /// S^T and P^T behind the chunk.
  void advance(const Chunk& c) const {
    const Int n = c.count;
    float *S = s_.state, *P = s_.state + s_.matrix, *z = s_.state + z_at_;
    rows_.read_keys(c, kv_);
    const float* k = s_.k;
    if (momentum()) {
      add_scaled(S, t_.gain[n], P, s_.matrix);
      scale(P, t_.power[n], s_.matrix);
      add_outer(n, s_.v, E_, p_.value_dim, rows_.scale_rows(s_.k, t_.power + n - 1, -1, n, D_), D_,
                P);
      k = rows_.scale_rows(s_.k, t_.weight + kChunk - n, 1, n, D_);
    }
    add_outer(n, s_.v, E_, p_.value_dim, k, D_, S);
    if (!rows_.r.normalise) return;
    for (Int i = 0; i < n; ++i) add_scaled(z, 1, s_.k + i * D_, D_);
  }
  /// C [dim, width_b] += A^T B over n rows.
  void add_outer(Int n, const float* A, Int width_a, Int dim, const float* B, Int width_b,
                 float* C) const {
    gemm_wide<Along::m>(static_cast<int>(dim), static_cast<int>(n),
                        {A, width_a, B, width_b, C, width_b}, width_b);
  }
  /// C [n, width_b] += A M with M [dim, width_b].
  void add_product(Int n, const float* A, Int width_a, Int dim, const float* M, Int width_b,
                   float* C) const {
    gemm_wide<Along::k>(static_cast<int>(n), static_cast<int>(dim),
                        {A, width_a, M, width_b, C, width_b}, width_b);
  }

  void chunk(const Chunk& c, const float* state) const {
    const Int n = c.count, group = p_.heads / p_.kv_heads;
    rows_.read_keys(c, kv_);
    rows_.transpose_keys(c);
    rows_.transpose_values(c);
    clear(s_.dk, n * D_);
    clear(s_.dv, n * E_);
    if (ends_document(run_, rows_.b, c)) {
      clear(s_.dstate, s_.state_size);
    } else {
      from_later_chunks(n);
    }
    for (Int h = kv_ * group; h < (kv_ + 1) * group; ++h) queries(c, h, state);
    times_slope(rows_.r.feature, s_.k, s_.dk, n * D_);
    add_scaled(sums_.dk + (p_.k_slot[kv_] * p_.max_time + c.first) * D_, 1, s_.dk, n * D_);
    add_scaled(sums_.dv + (p_.v_slot[kv_] * p_.max_time + c.first) * E_, 1, s_.dv, n * E_);
  }

  /// What the queries of later chunks ask of this one's keys and values; then carries the gradient
  /// of the state from behind the chunk to before it.
  void from_later_chunks(Int n) const {
    for (Int m = 0; m < rows_.r.matrices(); ++m) {
      transpose(s_.dstate + m * s_.matrix, D_, E_, E_, s_.dstate_t + m * s_.matrix, D_);
    }
    const float *dS = s_.dstate, *dz = s_.dstate + z_at_;
    float* dP = s_.dstate + s_.matrix;
    if (!momentum()) {
      add_product(n, s_.v, E_, p_.value_dim, s_.dstate_t, D_, s_.dk);
      add_product(n, s_.k, D_, p_.head_dim, dS, E_, s_.dv);
    } else {
      const float* weight = t_.weight + kChunk - n;
      const float* power = t_.power + n - 1;
      add_product(n, rows_.scale_rows(s_.v, weight, 1, n, E_), E_, p_.value_dim, s_.dstate_t, D_,
                  s_.dk);
      add_product(n, rows_.scale_rows(s_.v, power, -1, n, E_), E_, p_.value_dim,
                  s_.dstate_t + s_.matrix, D_, s_.dk);
      add_product(n, rows_.scale_rows(s_.k, weight, 1, n, D_), D_, p_.head_dim, dS, E_, s_.dv);
      add_product(n, rows_.scale_rows(s_.k, power, -1, n, D_), D_, p_.head_dim, dP, E_, s_.dv);
      scale(dP, t_.power[n], s_.matrix);
      add_scaled(dP, t_.gain[n], dS, s_.matrix);
    }
    if (!rows_.r.normalise) return;
    for (Int j = 0; j < n; ++j) add_scaled(s_.dk + j * D_, 1, dz, D_);
  }

  /// `state`: S^T, P^T, z before the chunk; null where they are zero.
  void queries(const Chunk& c, Int head, const float* state) const {
    const Int n = c.count;
    rows_.read_queries(c, head);
    lower_products(n, p_.head_dim, s_.q, D_, s_.kt, s_.a);
    float factor[kChunk];
    for (Int i = 0; i < n; ++i) factor[i] = read_row(c, i, head, state);
    lower_products(n, p_.value_dim, s_.o, E_, s_.vt, s_.g);
    clear(s_.dq, n * D_);
    const float* gained = nullptr;  // what reaches P
    if (state != nullptr) {
      add_product(n, s_.o, E_, p_.value_dim, state, D_, s_.dq);
      if (momentum()) {
        gained = rows_.scale_rows(s_.o, t_.gain + 1, 1, n, E_);
        add_product(n, gained, E_, p_.value_dim, state + s_.matrix, D_, s_.dq);
      }
    }
    for (Int i = 0; i < n; ++i) weigh(i, factor[i], state);
    add_lower(n, s_.g, s_.k, D_, s_.dq);
    add_upper(n, s_.g, s_.q, D_, s_.dk);
    add_upper(n, s_.a, s_.o, E_, s_.dv);
    if (state != nullptr) {
      add_outer(n, s_.q, D_, p_.head_dim, s_.o, E_, s_.dstate);
      if (gained != nullptr) {
        add_outer(n, s_.q, D_, p_.head_dim, gained, E_, s_.dstate + s_.matrix);
      }
    }
    write_queries(c, head);
  }

  /// Hides later keys from row i of the products and reads its dL/do times the factor of the row,
  /// which is returned.
  float read_row(const Chunk& c, Int i, Int head, const float* state) const {
    float* a = s_.a + i * kChunk;
    Vec inside{};
    for (Int j = 0; j < round_up(i + 1, kBand); j += kLanes) {
      const Vec x = seen(i, j) ? load(a + j) : Vec{};
      inside += x;
      store(a + j, x);
    }
    float factor = p_.scale;
    if (rows_.r.normalise) {
      float total = sum(inside);
      if (state != nullptr) total += dot(s_.q + i * D_, state + z_at_, D_);
      factor = total == 0 ? 0 : 1 / total;
    }
    float* o = s_.o + i * E_;
    pack_row(static_cast<const T*>(run_.d_o) + rows_.output(c, i, head), p_.value_dim, o, E_);
    scale(o, factor, E_);
    return factor;
  }

  /// Row i: A to the weights but for the factor, G to dL/da, and what the divisor passes on to z.
  void weigh(Int i, float factor, const float* state) const {
    float *a = s_.a + i * kChunk, *g = s_.g + i * kChunk;
    float *q = s_.q + i * D_, *dq = s_.dq + i * D_;
    const float* weight = t_.weight + kChunk - 1 - i;
    const Int end = round_up(i + 1, kBand);
    Vec inside{};
    for (Int j = 0; j < end; j += kLanes) {
      Vec x = load(a + j), y = seen(i, j) ? load(g + j) : Vec{};
      if (momentum()) {
        const Vec c = load(weight + j);
        inside = fma(x, c * y, inside);
        x *= c;
        y *= c;
      } else {
        inside = fma(x, y, inside);
      }
      store(a + j, x);
      store(g + j, y);
    }
    if (!rows_.r.normalise) return;
    // The divisor takes away what each unit of a gives to every row of o.
    const float taken = factor * (sum(inside) + (state == nullptr ? 0 : dot(q, dq, D_)));
    for (Int j = 0; j < end; j += kLanes) {
      store(g + j, seen(i, j) ? load(g + j) - taken : Vec{});
    }
    if (state == nullptr) return;
    add_scaled(dq, -taken, state + z_at_, D_);
    add_scaled(s_.dstate + z_at_, -taken, q, D_);
  }
  static Mask seen(Int i, Int j) {
    return lane_numbers() <= splat_int(static_cast<int32_t>(i - j));
  }

  void write_queries(const Chunk& c, Int head) const {
    const HeadSource& source = p_.q[head];
    if (run_.d_in[source.input] == nullptr) return;
    times_slope(rows_.r.feature, s_.q, s_.dq, c.count * D_);
    for (Int i = 0; i < c.count; ++i) {
      unpack_row(s_.dq + i * D_, p_.head_dim, gradient_row<T>(run_, source, rows_.row(c, i)),
                 run_.add[source.input] != 0);
    }
  }

  const AttentionProblem& p_;
  const AttentionRun& run_;
  const MomentumTables& t_;
  const ChunkRows<T> rows_;
  const LinearScratch& s_;
  const Int kv_;
  const OwnerSums& sums_;
  const Int z_at_;   // where z lies in a state
  const Int D_, E_;  // padded head_dim and value_dim
};

}  // namespace weft::WEFT_ISA
