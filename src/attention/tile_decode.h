// One position over many keys: a tile that would leave most lanes empty. Channels and keys lie in
// lanes instead of rows, block by block with the sums of the tiles and hence their bits.
// *_simd.cc files only.
#pragma once

#include "attention/tile_forward.h"

namespace weft::WEFT_ISA {

/// Memory that is asked for line by line while other memory is worked on: for what is then read in
/// an order that a CPU does not foresee (one query over 32,768 keys of 8 heads, f32, two cores of a
/// Zen 4: 4.7 ms, without 6.4). Into the second cache, which more requests can be on their way to
/// than to the first.
class Ahead {
 public:
  explicit Ahead(const void* from) : at_(static_cast<const char*>(from)) {}
  template <int kBytes>
  WEFT_INLINE void ask() {
#pragma GCC unroll 16
    for (int i = 0; i < kBytes; i += 64) __builtin_prefetch(at_ + i, 0, 2);
    at_ += kBytes;
  }

 private:
  const char* at_;
};

/// Rows of values as operands along the keys, as they lie in memory or in a buffer.
template <class E>
struct ValueRows {
  static constexpr int kTogether = 1;  ///< vectors that one step gives
  Rows<E> rows;
  WEFT_INLINE void load(Int k, Int d, WordVec* v) const {
    v[0] = load_words(rows.at + k * rows.stride + d);
  }
  WEFT_INLINE static void order(Vec*) {}
};
#ifdef WEFT_ISA_avx512bf16
/// Rows of bf16 of which two at a time are paired in registers. Interleaving within lanes of 128
/// bits takes one instruction; sums are put in the order of the channels when they are done.
struct PairedRows {
  static constexpr int kTogether = 2;
  const bf16* at;
  Int stride;
  WEFT_INLINE void load(Int k, Int d, WordVec* v) const {
    const auto a = reinterpret_cast<__m512i>(load_halves(at + 2 * k * stride + d));
    const auto b = reinterpret_cast<__m512i>(load_halves(at + (2 * k + 1) * stride + d));
    v[0] = reinterpret_cast<WordVec>(_mm512_unpacklo_epi16(a, b));
    v[1] = reinterpret_cast<WordVec>(_mm512_unpackhi_epi16(a, b));
  }
  WEFT_INLINE static void order(Vec* v) {
    const Vec low = v[0], high = v[1];
    v[0] =
        __builtin_shufflevector(low, high, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    v[1] = __builtin_shufflevector(low, high, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29,
                                   30, 31);
  }
};
#endif

/// The query heads of one position: those of several key/value heads side by side, and where they
/// leave room, those of several blocks of keys, so that the lanes of a vector have work where each
/// head is one row.
template <class M, class T>
class Decode {
  using E = Operand<T>;
  static constexpr int R = kLanes;
  static constexpr Int kUnit = weft::WEFT_ISA::kUnit<E>;
  static constexpr int kSquareBytes = kLanes * kLanes * static_cast<int>(kUnit * sizeof(T));
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

  /// What blocks [from, to), counted from the nearest, are by themselves: `parts` [to - from, sets,
  /// decode_part], of each its numbers [kDecodeNumbers, R] and sums [rows, E]. Blocks are taken in
  /// the order of their addresses, which is what a CPU reads ahead; as many whole ones at a time as
  /// lanes have room for.
  void weigh(Int from, Int to, float* parts) const {
    const Int part = decode_part(p_, kShape<T>);
    for (Int n = to; n > from;) {
      const Int most = whole(n - 1) ? smaller(n - from, R / tile_.rows) : 1;
      int count = 1;
      while (count < most && whole(n - 1 - count)) ++count;
      n -= count;
      for (int set = 0; set < p_.sets; ++set) {
        weigh_set({set, n + count - 1, count}, parts + ((n - from) * p_.sets + set) * part);
      }
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
  /// Blocks of a set that are weighed together.
  struct Blocks {
    int set;
    Int first;  ///< the farthest, whose keys come first in memory
    int count;
  };

  Int block_number(Int j) const { return (j - tile_.document) / kBlock; }
  /// Keys of block `n`, counted from the nearest.
  Int first_key(Int n) const {
    return larger(tile_.document + (block_number(tile_.end - 1) - n) * kBlock, tile_.begin);
  }
  Int end_key(Int n) const {
    return smaller(tile_.document + (block_number(tile_.end - 1) - n + 1) * kBlock, tile_.end);
  }
  bool whole(Int n) const { return end_key(n) - first_key(n) == kBlock; }

  KeySource keys_of_head(int set, int h) const {
    return keys_of(p_, entry_of(p_, set, tile_.kv + h));
  }
  KeySource values_of_head(int set, int h) const {
    return values_of(p_, entry_of(p_, set, tile_.kv + h));
  }
  KeyBlocks<T> blocks_of_head(int h) const {
    return {p_, tile_.run, tile_.b, tile_.kv + h, tile_.document, false};
  }
  /// Calls work(h, i) for the i-th block of head h, in the order of their addresses.
  template <class Work>
  void each_piece(const Blocks& b, Work work) const {
    for (int h = 0; h < tile_.key_heads; ++h) {
      for (int i = 0; i < b.count; ++i) work(h, i);
    }
  }
  /// What is read after the keys of the i-th block of head h.
  Ahead after_keys(const Blocks& b, int h, int i) const {
    if (i + 1 < b.count) return row(keys_of_head(b.set, h), first_key(b.first - i - 1));
    const Int j = first_key(b.first);
    if (h + 1 < tile_.key_heads) return row(keys_of_head(b.set, h + 1), j);
    return row(values_of_head(b.set, 0), j);
  }
  Ahead row(const KeySource& source, Int j) const {
    return Ahead(key_row<T>(tile_.run, source, tile_.b, j));
  }

  /// `parts`: of the nearest block; those of farther ones follow. Lane i * rows + r is row r of
  /// block first - i; what becomes of scores is done for all of them at once.
  void weigh_set(const Blocks& b, float* parts) const {
    const int rows = tile_.rows, n = static_cast<int>(end_key(b.first) - first_key(b.first));
    const Int stride = p_.sets * decode_part(p_, kShape<T>);
    alignas(64) float turned[R * kBlock];  // [lane, key]
    for (int l = b.count * rows; l < R; ++l) {
      for (Int j = 0; j < kBlock; j += kLanes) store(turned + l * kBlock + j, Vec{});
    }
    each_piece(b, [&](int h, int i) {
      products(b.set, h, b.first - i, after_keys(b, h, i),
               turned + (i * rows + h * group_) * kBlock);
    });
    transpose(turned, R, round_up(n, kLanes), kBlock, s_.scores, R);
    alignas(64) float numbers[M::kBlockNumbers * R] = {};
    rows_.weigh(s_.scores, n, numbers);
    round_in_place<T>(s_.scores, n * R);
    for (int i = 0; i < b.count; ++i) {
      float* part = parts + (b.count - 1 - i) * stride;
      for (int e = 0; e < M::kBlockNumbers * R; e += R) {
        for (int r = 0; r < R; ++r) part[e + r] = r < rows ? numbers[e + i * rows + r] : 0;
      }
    }
    const Int lead = tile_.keys.lead(first_key(b.first));
    const E* P = down<E>(s_.scores, n, R, lead, s_.down);
    each_piece(b, [&](int h, int i) {
      float* sums = parts + (b.count - 1 - i) * stride + kDecodeNumbers * R;
      add_values(b.set, h, b.first - i, P + i * rows + h * group_,
                 sums + h * group_ * s_.value_width);
    });
  }

  /// `turned` [group, kBlock] = the scores of the query heads that share the keys of a block
  /// of head h.
  void products(int set, int h, Int block, Ahead ahead, float* turned) const {
    const Int width = (p_.head_dim + kUnit - 1) / kUnit, j0 = first_key(block), j1 = end_key(block);
    const int first = h * group_, n = static_cast<int>(j1 - j0);
    const Rows<E> K =
        blocks_of_head(h).along_channels(keys_of_head(set, h), set, j0, j1, s_.keys, s_.width);
    for (int j = 0; j < n; j += kLanes) {
      Vec sums[kDecodeRows] = {};
      for (Int c = 0; c < width; c += kLanes) {
        Vec k[kLanes];
        const int columns = static_cast<int>(smaller(kLanes, width - c));
        load_square(K, j, n, c, columns, k);
        if (columns == kLanes) ahead.ask<kSquareBytes>();
        transpose_square(k);
        for (int r = 0; r < group_; ++r) {
          const E* q = q_ + (first + r) * (s_.width / kUnit) + c;
          for (int i = 0; i < kLanes; ++i) {
            sums[r] = mul_add<E>(splat_word(q + i), reinterpret_cast<WordVec>(k[i]), sums[r]);
          }
        }
      }
      const Vec distance = splat(static_cast<float>(tile_.position - j0)) -
                           __builtin_convertvector(lane_numbers() + j, Vec);
      for (int r = 0; r < group_; ++r) {
        Vec score = sums[r] * p_.scale;
        if (p_.slopes != nullptr) {
          const auto slope = static_cast<float>(p_.slopes[tile_.head_of(first + r)]);
          score = fnma(splat(slope), distance, score);
        }
        store(turned + r * kBlock + j, score);
      }
    }
  }
  /// A vector of each of kLanes rows from row j on of n: `columns` operands from c on, then 0.
  WEFT_INLINE static void load_square(const Rows<E>& K, int j, int n, Int c, int columns, Vec* k) {
    if (j + kLanes <= n && columns == kLanes) {
      const E* row = K.at + j * K.stride + c;
      for (int i = 0; i < kLanes; ++i, row += K.stride) {
        k[i] = load(reinterpret_cast<const float*>(row));
      }
      return;
    }
    for (int i = 0; i < kLanes; ++i) {  // what lies beyond the last row is not used
      const E* row = K.at + smaller(j + i, n - 1) * K.stride + c;
      k[i] = load_partial(reinterpret_cast<const float*>(row), columns);
    }
  }

  /// C [group, E] = P^T V over the values of a block of head h.
  void add_values(int set, int h, Int block, const E* P, float* C) const {
    const KeyBlocks<T> keys = blocks_of_head(h);
    const KeySource source = values_of_head(set, h);
    const Int j0 = first_key(block), j1 = end_key(block);
    const int K = keys.operands(j0, j1);
#ifdef WEFT_ISA_avx512bf16
    if constexpr (kUnit == 2) {
      Int stride = 0;
      const T* at = evenly_apart<T>(tile_.run, source, tile_.b, j0, j1, stride);
      const bool paired = keys.lead(j0) == 0 && keys.lead(j1) == 0;
      if (at != nullptr && paired && p_.value_dim % (2 * kLanes) == 0) {
        sum_values(K, P, PairedRows{at, stride}, C);
        return;
      }
    }
#endif
    const auto V = keys.along_keys(source, set, j0, j1, s_.values, s_.value_width);
    sum_values(K, P, ValueRows<E>{V}, C);
    const Int d = p_.value_dim / kLanes * kLanes;
    if (d < p_.value_dim) last_columns(K, P, V, d, C);
  }
  /// The columns that fill vectors; as many at a time as registers hold.
  template <class V>
  void sum_values(int K, const E* P, const V& values, float* C) const {
    Int d = 0;
    for (; d + 4 * kLanes <= p_.value_dim; d += 4 * kLanes) {
      sum_columns<4>(K, P, values, d, C);
    }
    for (; d + V::kTogether * kLanes <= p_.value_dim; d += V::kTogether * kLanes) {
      sum_columns<V::kTogether>(K, P, values, d, C);
    }
  }
  template <int NV, class V>
  void sum_columns(int K, const E* P, const V& values, Int d, float* C) const {
    for (int r = 0; r < group_; ++r) {
      Vec sum[NV] = {};
      for (int k = 0; k < K; ++k) {
        WordVec row[NV];
        for (int v = 0; v < NV; v += V::kTogether) values.load(k, d + v * kLanes, row + v);
        const WordVec weight = splat_word(P + k * R + r);
        for (int v = 0; v < NV; ++v) sum[v] = mul_add<E>(weight, row[v], sum[v]);
      }
      for (int v = 0; v < NV; v += V::kTogether) V::order(sum + v);
      for (int v = 0; v < NV; ++v) store(C + r * s_.value_width + d + v * kLanes, sum[v]);
    }
  }
  /// The columns from d on, fewer than a vector: values in place must not be read beyond their end.
  void last_columns(int K, const E* P, const Rows<E>& V, Int d, float* C) const {
    const int n = static_cast<int>(p_.value_dim - d);
    for (int r = 0; r < group_; ++r) {
      Vec sum{};
      for (int k = 0; k < K; ++k) {
        const Vec v = load_partial(reinterpret_cast<const float*>(V.at + k * V.stride + d), n);
        sum = mul_add<E>(splat_word(P + k * R + r), reinterpret_cast<WordVec>(v), sum);
      }
      store(C + r * s_.value_width + d, sum);
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

/// The whole walk by one task. A few blocks are weighed, then joined from near to far; where the
/// walk may stop, the first of them are taken one by one.
template <class M, class T>
void decode_tile(const AttentionProblem& p, const AttentionRun& run, const TileTable& t, Int task,
                 const TileScratch& s) {
  Decode<M, T> decode(p, run, t, task, s);
  const Int blocks = decode.blocks(), part = p.sets * decode_part(p, kShape<T>);
  Int most = M::kTwoWalks ? 1 : kDecodeBlocks;
  for (Int from = 0; from < blocks && !decode.spent(); most = smaller(2 * most, kDecodeBlocks)) {
    const Int to = smaller(from + most, blocks);
    decode.weigh(from, to, s.part);
    for (Int n = from; n < to && !decode.spent(); ++n) decode.join(s.part + (n - from) * part);
    from = to;
  }
  decode.finish();
}

}  // namespace weft::WEFT_ISA
