// One tile of the backward, and the writing of key and value gradients. *_simd.cc files only.
#pragma once

#include "attention/tile_walk.h"

namespace weft::WEFT_ISA {

template <class M, class T, int NV>
class BackwardTile {
  using E = Operand<T>;
  static constexpr int R = M::kRows;

 public:
  BackwardTile(const Tile<T, NV>& tile, const TileScratch& s, const OwnerSums& sums)
      : tile_(tile), p_(tile.p), s_(s), sums_(sums) {}

  void run() {
    read_rows();
    rows_.begin_backward(p_.settings, statistic_, dot_, d_rem_, tile_.rows);
    Int to = tile_.end;
    Int visited = 0;
    const Int most = tile_.run.visited[tile_.statistic(0)];
    while (visited < most) {  // near to far
      if constexpr (M::kTwoWalks) {
        tile_.run.starts == nullptr ? replay(to, visited) : recall(visited);
      }
      to = tile_.block_begin(to);
      ++visited;
    }
    while (visited-- > 0) {  // and back, the same blocks
      const Int j0 = to;
      to = block_end(j0);
      for (Int set = 0; set < p_.sets; ++set) add_block(set, j0, to, visited);
    }
    write_queries();
  }

 private:
  /// End of the block part that begins at j0: the inverse of Tile::block_begin.
  Int block_end(Int j0) const { return smaller(tile_.end, weft::block_end(tile_.document, j0)); }

  /// Queries, dL/dx and the statistics of the rows, and what the remainder passes on.
  void read_rows() {
    const AttentionRun& run = tile_.run;
    tile_.pack_queries(s_.q, s_.width);
    tile_.turn(s_.q, s_.width, s_.rows, s_.qt);
    q_ = down<E>(s_.q, R, s_.width, 0, s_.q_pairs);
    const auto* dx = static_cast<const T*>(run.d_o);
    tile_.pack([&](int l) { return dx + tile_.output(l); }, p_.value_dim, s_.o, s_.value_width);
    tile_.turn(s_.o, s_.value_width, s_.rows, s_.ot);
    dx_ = down<E>(s_.o, R, s_.value_width, 0, s_.o_pairs);
    for (Int e = 0; e < s_.width * R; e += kLanes) store(s_.dqt + e, Vec{});
    for (int l = 0; l < R; ++l) {
      const bool used = l < tile_.rows;
      statistic_[l] = used ? static_cast<const float*>(run.statistic)[tile_.statistic(l)] : 0;
      d_rem_[l] = used && run.d_rem != nullptr
                      ? static_cast<const float*>(run.d_rem)[tile_.statistic(l)]
                      : 0;
      dot_[l] = 0;
    }
    if (p_.settings.reads_output) {
      const auto* o = static_cast<const T*>(run.o);
      tile_.pack([&](int l) { return o + tile_.output(l); }, p_.value_dim, s_.own, s_.value_width);
      for (int l = 0; l < tile_.rows; ++l) {
        if (run.o_rest != nullptr) add_rest(l);
        dot_[l] = product(l);
      }
    }
    if constexpr (M::kRemainder) {
      if (p_.settings.leaves_rest) remainder();
    }
  }
  /// Makes the output of a row, in `own`, what it was before rounding.
  void add_rest(int l) {
    const T* rest = static_cast<const T*>(tile_.run.o_rest) + tile_.output(l);
    float* o = s_.own + l * s_.value_width;
    for (Int d = 0; d < p_.value_dim; d += kLanes) {
      const int n = static_cast<int>(smaller(kLanes, p_.value_dim - d));
      store(o + d, load(o + d) + (n == kLanes ? load(rest + d) : load_partial(rest + d, n)));
    }
  }
  /// dL/dx . own, of a row.
  float product(int l) const {
    Vec sum_{};
    for (Int d = 0; d < s_.value_width; d += kLanes) {
      sum_ = fma(load(s_.o + l * s_.value_width + d), load(s_.own + l * s_.value_width + d), sum_);
    }
    return sum(sum_);
  }
  void remainder() {
    alignas(64) float sink[R];
    tile_.sink_scores(s_.q, s_.width, sink);
    M::rest(statistic_, sink, rest_);
    for (int l = 0; l < tile_.rows; ++l) dot_[l] += rest_[l] * d_rem_[l];
    if (p_.settings.remainder == Remainder::none) return;
    const bool learned = p_.settings.remainder == Remainder::learned;
    if (learned) {
      const auto* w = static_cast<const float*>(tile_.run.in[p_.remainder_input]);
      tile_.pack([&](int l) { return w + tile_.head_of(l) * p_.value_dim; }, p_.value_dim, s_.own,
                 s_.value_width);
    } else {
      tile_.pack_own(s_.own, s_.value_width);
    }
    for (int l = 0; l < tile_.rows; ++l) {
      d_rem_[l] += product(l);
      float* to = learned ? sums_.learned + tile_.head_of(l) * p_.value_dim
                          : values_at(tile_.kv, tile_.position + l / tile_.group);
      const float* dx = s_.o + l * s_.value_width;
      for (Int d = 0; d < p_.value_dim; d += kLanes) {
        const int n = static_cast<int>(smaller(kLanes, p_.value_dim - d));
        store_partial(to + d, fma(splat(rest_[l]), load(dx + d), load_partial(to + d, n)), n);
      }
    }
  }
  float* keys_at(Int entry, Int j) const {
    return sums_.dk + (p_.k_slot[entry] * p_.max_time + j) * s_.width;
  }
  float* values_at(Int entry, Int j) const {
    return sums_.dv + (p_.v_slot[entry] * p_.max_time + j) * s_.value_width;
  }

  /// What the forward saved of a block; nothing arrives at the lanes out of use.
  void recall(Int block) {
    float* to = s_.starts + block * R;
    for (int l = 0; l < R; ++l) to[l] = l < tile_.rows ? *tile_.start(l, block) : 0;
  }
  void replay(Int j1, Int block) {
    const Int j0 = tile_.block_begin(j1);
    const auto K = tile_.keys.along_channels(keys_of(p_, tile_.kv), 0, j0, j1, s_.keys, s_.width);
    tile_.scores(K, s_.qt, j0, j1, s_.scores);
    alignas(64) float numbers[M::kBlockNumbers * R], keep[R];
    rows_.weigh(s_.scores, static_cast<int>(j1 - j0), numbers);
    rows_.join(numbers, keep, s_.starts + block * R);
  }

  void add_block(Int set, Int j0, Int j1, Int block) {
    const int n = static_cast<int>(j1 - j0);
    const Int entry = entry_of(p_, set, tile_.kv);
    const Rows<E> K = tile_.keys.along_channels(keys_of(p_, entry), set, j0, j1, s_.keys, s_.width);
    const Rows<E> V =
        tile_.keys.along_channels(values_of(p_, entry), set, j0, j1, s_.values, s_.value_width);
    tile_.scores(K, s_.qt, j0, j1, s_.scores);
    tile_.products(n, p_.value_dim, V, s_.ot, s_.dw, 1);
    if (tile_.partly_hidden(j0, j1)) tile_.hide(j0, n, s_.dw, 0);
    rows_.gradient(s_.scores, s_.dw, n, p_.scale, s_.starts + block * R, s_.open, s_.closed);
    round_in_place<T>(s_.scores, Int{n} * R);
    round_in_place<T>(s_.dw, Int{n} * R);
    add_queries(set, K, j0, j1);
    add_rows(n, across<E>(s_.dw, n, R, s_.d_across), q_, keys_at(entry, j0), s_.width);
    add_rows(n, across<E>(s_.scores, n, R, s_.across), dx_, values_at(entry, j0), s_.value_width);
  }
  /// dq += dz k, summed over the keys of a block.
  void add_queries(Int set, const Rows<E>& K, Int j0, Int j1) {
    const KeySource source = keys_of(p_, entry_of(p_, set, tile_.kv));
    const auto* dz = down<E>(s_.dw, j1 - j0, R, tile_.keys.lead(j0), s_.down);
    const Rows<E> keys = Tile<T, NV>::kUnit == 1
                             ? K
                             : tile_.keys.along_keys(source, set, j0, j1, s_.keys_down, s_.width);
    tile_.template accumulate<Into::add>(p_.head_dim, j0, j1, keys, dz, s_.dqt);
  }
  /// to [n, width] += A rows, summed over the rows of the tile.
  void add_rows(int n, const E* A, const E* rows, float* to, Int width) const {
    constexpr int kUnit = Tile<T, NV>::kUnit;
    gemm_wide<Along::k, E>(n, static_cast<int>((tile_.rows + kUnit - 1) / kUnit),
                           {A, R / kUnit, rows, width, to, width}, width);
  }

  /// What the score of the sink, scale * q.k*, passes on to q and to k*: its weight is the rest.
  void add_sink() const {
    for (int l = 0; l < tile_.rows; ++l) {
      const Vec dz = splat(p_.scale * rest_[l] * (d_rem_[l] - dot_[l]));
      const float* key = tile_.sink_key(l);
      float* to = sums_.sink + tile_.head_of(l) * p_.head_dim;
      for (Int d = 0; d < p_.head_dim; d += kLanes) {
        const int n = static_cast<int>(smaller(kLanes, p_.head_dim - d));
        float* dq = s_.dq + l * s_.width + d;
        store(dq, fma(dz, load_partial(key + d, n), load(dq)));
        const Vec sum = fma(dz, load(s_.q + l * s_.width + d), load_partial(to + d, n));
        store_partial(to + d, sum, n);
      }
    }
  }

  void write_queries() const {
    transpose(s_.dqt, s_.width, R, R, s_.dq, s_.width);
    if constexpr (M::kRemainder) {
      if (p_.settings.sink == Sink::key) add_sink();
    }
    for (int l = 0; l < tile_.rows; ++l) {
      const HeadSource& q = p_.q[tile_.head_of(l)];
      T* to = gradient_row<T>(tile_.run, q, tile_.row(l));
      if (tile_.run.d_in[q.input] == nullptr) continue;
      unpack_row(s_.dq + l * s_.width, p_.head_dim, to, tile_.run.add[q.input] != 0);
    }
  }

  const Tile<T, NV>& tile_;
  const AttentionProblem& p_;
  const TileScratch& s_;
  const OwnerSums& sums_;
  M rows_;
  const E *q_ = nullptr, *dx_ = nullptr;  ///< [R / unit, D], [R / unit, E] operands along the rows
  alignas(64) float statistic_[R], dot_[R], d_rem_[R], rest_[R];
};

template <class M, class T, int NV>
void backward_owner(const AttentionProblem& p, const AttentionRun& run, const TileTable& t, Int b,
                    Int owner, Int part, const OwnerSums& sums, const TileScratch& s) {
  for (Int n = p.owner_begin[owner]; n < p.owner_begin[owner + 1]; ++n) {
    for (Int chunk = 0; chunk < t.chunks; ++chunk) {
      for (Int i = t.batch_begin[b] + part; i < t.batch_begin[b + 1]; i += p.parts) {
        const Tile<T, NV> tile(p, run, t, i, p.owner_heads[n], chunk);
        BackwardTile<M, T, NV>(tile, s, sums).run();
      }
    }
  }
}

/// Sums the parts of one buffer [.., width] for rows [begin, end) and writes them, rounding once.
template <class T>
void write_head(const AttentionRun& run, Int b, const HeadSource& head, Int dim, Int width,
                const float* sums, Int parts, Int stride, Int begin, Int end) {
  const bool add = run.add[head.input] != 0;
  for (Int i = begin; i < end; ++i) {
    const float* from = sums + i * width;
    T* to = gradient_row<T>(run, head, b * run.time + i);
    for (Int d = 0; d < dim; d += kLanes) {
      const int lanes = static_cast<int>(smaller(kLanes, dim - d));
      Vec total = load(from + d);
      for (Int part = 1; part < parts; ++part) total += load(from + part * stride + d);
      if (add) total = load_partial(to + d, lanes) + total;
      store_partial(to + d, total, lanes);
    }
  }
}

/// The same for all buffers of an owner.
template <class T>
void write_rows(const AttentionProblem& p, const AttentionRun& run, Int b, Int owner,
                const HeadSource* heads, const int32_t* slots, Int dim, Int width,
                const float* sums, Int parts, Int stride, Int begin, Int end) {
  const Int size = p.max_time * width;
  Int written = 0;
  for (Int set = 0; set < p.sets; ++set) {
    for (Int n = p.owner_begin[owner]; n < p.owner_begin[owner + 1]; ++n) {
      const Int entry = entry_of(p, set, p.owner_heads[n]);
      if (slots[entry] < written) continue;  // slots are numbered in the order of first use
      ++written;
      if (run.d_in[heads[entry].input] == nullptr) continue;
      write_head<T>(run, b, heads[entry], dim, width, sums + slots[entry] * size, parts, stride,
                    begin, end);
    }
  }
}

}  // namespace weft::WEFT_ISA
