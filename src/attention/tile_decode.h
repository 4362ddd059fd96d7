// One position over many keys: a tile that would leave most lanes empty. Channels and keys lie in
// lanes instead of rows, block by block with the sums of the tiles and hence their bits.
// *_simd.cc files only.
#pragma once

#include "attention/tile_forward.h"

namespace weft::WEFT_ISA {

/// The query heads of one position: those of several key/value heads side by side, so that the
/// lanes of a vector have work where each head is one row.
template <class M, class T>
class Decode {
  using E = Operand<T>;
  static constexpr int R = kLanes;
  static constexpr Int kUnit = weft::WEFT_ISA::kUnit<E>;
  static_assert(M::kRows == R);

 public:
  Decode(const AttentionProblem& p, const AttentionRun& run, const TileTable& t, Int task,
         const TileScratch& s)
      : tile_(p, run, t, task % t.tiles, task / t.tiles / t.chunks, task / t.tiles % t.chunks),
        p_(p),
        s_(s),
        group_(t.group) {
    tile_.pack_queries(s.q, s.width);
    q_ = across<E>(s.q, R, s.width, s.rows);
    for (Int e = 0; e < tile_.rows * s.value_width; e += kLanes) store(s.o + e, Vec{});
    tile_.sink_scores(s.q, s.width, sink_);
    rows_.begin(p.settings, tile_.rows, sink_);
  }

  Int blocks() const {
    if (tile_.end == tile_.begin) return 0;
    return block_number(tile_.end - 1) - block_number(tile_.begin) + 1;
  }
  bool spent() const { return rows_.spent(); }

  /// What block `n`, counted from the nearest, is by itself: its numbers [kBlockNumbers, R] and
  /// sums [rows, E] of each set.
  void weigh(Int n, float* part) const {
    const Int at = tile_.document + (block_number(tile_.end - 1) - n) * kBlock;
    const Int j0 = larger(at, tile_.begin), j1 = smaller(at + kBlock, tile_.end);
    for (Int set = 0; set < p_.sets; ++set, part += decode_part(p_, kShape<T>)) {
      weigh_set(set, j0, j1, part);
    }
  }
  /// Takes blocks in, nearest first.
  void join(const float* part) {
    for (Int set = 0; set < p_.sets; ++set, part += decode_part(p_, kShape<T>)) {
      alignas(64) float keep[R], gain[R];
      rows_.join(part, keep, gain);
      if constexpr (M::kTwoWalks) save_starts(tile_, gain, visited_);
      const float* sums = part + kDecodeNumbers * R;
      for (int r = 0; r < tile_.rows; ++r) {
        for (Int d = 0; d < s_.value_width; d += kLanes) {
          float* o = s_.o + r * s_.value_width + d;
          const Vec sum = load(sums + r * s_.value_width + d);
          if constexpr (M::kFactors) {
            store(o, fma(sum, splat(gain[r]), load(o) * splat(keep[r])));
          } else {
            store(o, load(o) + sum);
          }
        }
      }
    }
    ++visited_;
  }
  void finish() {
    alignas(64) float factor[R], statistic[R], rest[R] = {};
    rows_.finish(factor, statistic);
    if constexpr (M::kRemainder) M::rest(statistic, sink_, rest);
    for (int r = 0; r < tile_.rows; ++r) {
      float* o = s_.o + r * s_.value_width;
      for (Int d = 0; d < s_.value_width; d += kLanes) store(o + d, load(o + d) * factor[r]);
    }
    spend_rest<M>(tile_, s_, rest);
    store_rows(tile_, s_, statistic, rest, visited_);
  }

 private:
  Int block_number(Int j) const { return (j - tile_.document) / kBlock; }

  /// Heads of keys one after the other, each read as it lies in memory; what becomes of scores is
  /// done for all of them at once.
  void weigh_set(Int set, Int j0, Int j1, float* part) const {
    const Int n = j1 - j0;
    alignas(64) float turned[R * kBlock];  // [row, key]
    for (int l = tile_.rows; l < R; ++l) {
      for (Int j = 0; j < kBlock; j += kLanes) store(turned + l * kBlock + j, Vec{});
    }
    for (int h = 0; h < tile_.key_heads; ++h) {
      const KeyBlocks<T> keys = keys_of_head(h);
      const KeySource source = keys_of(p_, entry_of(p_, set, tile_.kv + h));
      products(h * group_, static_cast<int>(n),
               keys.along_channels(source, set, j0, j1, s_.keys, s_.width), turned);
    }
    transpose(turned, R, round_up(n, kLanes), kBlock, s_.scores, R);
    tile_.finish_scores(j0, j1, s_.scores);
    rows_.weigh(s_.scores, static_cast<int>(n), part);
    round_in_place<T>(s_.scores, n * R);
    const E* P = down<E>(s_.scores, n, R, tile_.keys.lead(j0), s_.down);
    const int K = tile_.keys.operands(j0, j1);
    float* sums = part + kDecodeNumbers * R;
    for (int h = 0; h < tile_.key_heads; ++h, P += group_, sums += group_ * s_.value_width) {
      const KeyBlocks<T> keys = keys_of_head(h);
      const KeySource source = values_of(p_, entry_of(p_, set, tile_.kv + h));
      const auto V = keys.along_keys(source, set, j0, j1, s_.values, s_.value_width);
      add_values(K, {P, R, V.at, V.stride, sums, s_.value_width});
    }
  }
  KeyBlocks<T> keys_of_head(int h) const {
    return {p_, tile_.run, tile_.b, tile_.kv + h, tile_.document, false};
  }

  /// Rows `first` on of `turned` [R, kBlock] = scale * q.k for the query heads that share the n
  /// keys. Lines of the next keys are asked for in the order of their addresses: those of 16 keys
  /// are read side by side, which the CPU does not foresee (18 GB/s without, Zen 4).
  void products(int first, int n, const Rows<E>& K, float* turned) const {
    const Int width = (p_.head_dim + kUnit - 1) / kUnit;
    const auto* ahead = reinterpret_cast<const char*>(K.at + kLanes * K.stride);
    const Int lines = K.stride * Int{sizeof(E)} / 64;  // of a key and a vector of its channels
    for (int j = 0; j < n; j += kLanes) {
      Vec acc[kDecodeRows] = {};
      for (Int c = 0; c < width; c += kLanes) {
        const int columns = static_cast<int>(smaller(kLanes, width - c));
        Vec k[kLanes];
        for (int i = 0; i < kLanes; ++i) {  // what lies beyond the last key is not used
          const E* row = K.at + smaller(j + i, n - 1) * K.stride + c;
          k[i] = columns == kLanes ? load(reinterpret_cast<const float*>(row))
                                   : load_partial(reinterpret_cast<const float*>(row), columns);
        }
        for (Int i = 0; i < lines * kLanes * kLanes / width; ++i, ahead += 64) {
          __builtin_prefetch(ahead);
        }
        transpose_square(k);
        for (int r = 0; r < group_; ++r) {
          const E* q = q_ + (first + r) * (s_.width / kUnit) + c;
          for (int i = 0; i < kLanes; ++i) {
            acc[r] = mul_add<E>(splat_word(q + i), reinterpret_cast<WordVec>(k[i]), acc[r]);
          }
        }
      }
      for (int r = 0; r < group_; ++r) {
        store(turned + (first + r) * kBlock + j, acc[r] * p_.scale);
      }
    }
  }
  /// C [group, E] = A^T B over the keys of a block.
  void add_values(int K, GemmOperands<E> x) const {
    Int d = 0;
    const auto columns = [&]<int NV>() {
      for (; d + NV * kLanes <= p_.value_dim; d += NV * kLanes) {
        gemm<NV, Along::m, Into::assign, E>(group_, K, x);
        x.B += NV * kLanes;
        x.C += NV * kLanes;
      }
    };
    columns.template operator()<4>();
    columns.template operator()<1>();
    if (d < p_.value_dim) last_columns(K, x, static_cast<int>(p_.value_dim - d));
  }
  /// The last n columns: values in place must not be read beyond their end.
  void last_columns(int K, const GemmOperands<E>& x, int n) const {
    for (int r = 0; r < group_; ++r) {
      Vec sum{};
      for (int k = 0; k < K; ++k) {
        const Vec v = load_partial(reinterpret_cast<const float*>(x.B + k * x.b_stride), n);
        sum = mul_add<E>(splat_word(x.A + k * x.a_stride + r), reinterpret_cast<WordVec>(v), sum);
      }
      store(x.C + r * x.c_stride, sum);
    }
  }

  const Tile<T, 1> tile_;
  const AttentionProblem& p_;
  const TileScratch& s_;
  const int group_;  ///< query heads that share a key/value head, at most kDecodeRows
  const E* q_;       ///< [R, D / unit]
  alignas(64) float sink_[R];
  M rows_;
  int visited_ = 0;
};

/// The whole walk by one task. Blocks are joined from near to far, but a few of them are weighed in
/// the order of their addresses, which is what a CPU reads ahead. Where the walk may stop, the
/// first of them are taken one by one.
template <class M, class T>
void decode_tile(const AttentionProblem& p, const AttentionRun& run, const TileTable& t, Int task,
                 const TileScratch& s) {
  Decode<M, T> decode(p, run, t, task, s);
  const Int blocks = decode.blocks(), part = p.sets * decode_part(p, kShape<T>);
  Int most = M::kTwoWalks ? 1 : kDecodeBlocks;
  for (Int from = 0; from < blocks && !decode.spent(); most = smaller(2 * most, kDecodeBlocks)) {
    const Int to = smaller(from + most, blocks);
    for (Int n = to; n-- > from;) decode.weigh(n, s.part + (n - from) * part);
    for (Int n = from; n < to && !decode.spent(); ++n) decode.join(s.part + (n - from) * part);
    from = to;
  }
  decode.finish();
}

}  // namespace weft::WEFT_ISA
