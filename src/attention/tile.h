// Tiles: what the skeleton that runs on every instruction set is told, and its working memory.
//
// A tile is a few vectors of query rows; lane l holds position l / group and query head l % group
// of `group` consecutive query heads that share a key/value head. (Where one position is decoded,
// the query heads of several key/value heads and blocks lie side by side: tile_decode.h.) Keys come
// in blocks of kBlock, cut at multiples of kBlock of the key's index within its own document: a
// row's bits then do not depend on tiles, chunks, packing or threads.
#pragma once

#include "attention/addressing.h"

namespace weft {

inline constexpr int kVectors = 2;  ///< of rows in a full tile

/// The cut of the query rows into tiles; no tile spans two documents.
struct TileTable {
  const int32_t* first;        ///< [tiles] first row (of batch * time)
  const int32_t* count;        ///< [tiles] positions
  const int32_t* batch_begin;  ///< [batch + 1] first tile of a sequence
  Int tiles;
  int vectors;      ///< 1 where all rows fit one vector, else kVectors
  int group;        ///< query heads in a tile that share a key/value head
  int key_heads;    ///< key/value heads in a tile: 1, or several where a position is decoded
  Int chunks;       ///< tiles for the query heads of one key/value head
  bool keeps_keys;  ///< tiles enough to copy blocks of keys for all of them
};

/// Keys or values as operands: room for a block, and for all blocks of a document.
struct KeyStore {
  float* block;
  float* all;       ///< [sets, blocks, as a block]
  int64_t* stamps;  ///< [sets, blocks] whose block lies there; 0: nobody's
  Int blocks;
};

/// Working memory of a thread, of elements of 32 bits: floats, or operands of `unit` neighbours.
/// Widths are padded to whole vectors of operands: D and E stand for the padded head_dim and
/// value_dim, R for the rows of a full tile, N for the kBlock / unit + 1 operands along the keys of
/// a block. Where unit is 1, operands are the floats themselves, and what would only hold operands
/// is empty.
struct TileScratch {
  float *q, *o;               ///< [R, D], [R, E]; o: in the backward dL/dx
  float* rows;                ///< [R, D or E / unit] operands of q or dL/dx
  float *qt, *ot;             ///< [D / unit, R]; [E, R] output, in the backward [E / unit, R] dL/dx
  KeyStore keys;              ///< a block: [kBlock, D / unit]
  KeyStore values;            ///< forward [N, E], backward [kBlock, E / unit]
  float* scores;              ///< [kBlock, R]
  float* part;                ///< [kDecodeBlocks, sets, decode_part]
  float* down;                ///< [N, R] operands along the keys, of weights or score gradients
  float *dq, *dqt;            ///< [R, D], [D, R]; backward only, from here on
  float* own;                 ///< [R, E] values of the queries' own positions
  float *dw, *open, *closed;  ///< [kBlock, R]
  float* starts;              ///< [blocks, R] what a two-walk mechanism keeps of each block
  float *q_pairs, *o_pairs;   ///< [R / unit, D], [R / unit, E] operands along the rows
  KeyStore keys_down;         ///< [N, D]
  float *across, *d_across;   ///< [kBlock, R / unit] operands of weights and score gradients

  Int width, value_width;  ///< D, E
};

[[gnu::always_inline]] inline Int round_up(Int n, Int to) {
  return (n + to - 1) / to * to;
}

/// What a tile kernel is compiled for.
struct TileShape {
  int lanes;  ///< floats in a vector
  int unit;   ///< channels or keys in an operand
};
/// Channels padded to whole vectors of operands.
[[gnu::always_inline]] inline Int padded(Int channels, TileShape shape) {
  return round_up(channels, Int{shape.lanes} * shape.unit);
}

/// The largest divisor of n that is at most `most`, which is 1 or more.
[[gnu::always_inline]] inline int divisor(Int n, Int most) {
  Int d = smaller(n, most);
  while (n % d != 0) --d;
  return static_cast<int>(d);
}
/// Query heads of a tile that share a key/value head.
[[gnu::always_inline]] inline int group_of(const AttentionProblem& p, int lanes) {
  return divisor(p.heads / p.kv_heads, lanes);
}
/// Key/value heads whose query heads fit the lanes of one vector.
[[gnu::always_inline]] inline int most_key_heads(const AttentionProblem& p, int lanes) {
  const Int group = p.heads / p.kv_heads;
  return group > lanes ? 1 : divisor(p.kv_heads, lanes / group);
}

/// A position of at most so many query heads for each key/value head is decoded: with channels and
/// keys in lanes, not rows.
inline constexpr int kDecodeRows = 4;
/// Blocks of keys that are decoded in the order of their addresses.
inline constexpr Int kDecodeBlocks = 16;
/// Numbers of a row that a mechanism keeps of a block, at most.
inline constexpr int kDecodeNumbers = 2;
/// Floats of what decoding keeps of one block of keys: numbers [kDecodeNumbers, lanes], then sums
/// [rows, E].
[[gnu::always_inline]] inline Int decode_part(const AttentionProblem& p, TileShape shape) {
  const Int rows = group_of(p, shape.lanes) * most_key_heads(p, shape.lanes);
  return kDecodeNumbers * shape.lanes + rows * padded(p.value_dim, shape);
}

/// Hands out `base`; returns the number of bytes taken, whatever the base.
[[gnu::always_inline]] inline size_t carve(TileScratch& s, const AttentionProblem& p,
                                           TileShape shape, bool backward, char* base) {
  const Int rows = kVectors * shape.lanes, unit = shape.unit;
  const Int down = unit == 1 ? 0 : kBlock / unit + 1;
  Int used = 0;
  const auto take = [&](Int floats) __attribute__((always_inline)) {
    float* at = base == nullptr ? nullptr : reinterpret_cast<float*>(base) + used;
    used += round_up(floats, 16);
    return at;
  };
  s.width = padded(p.head_dim, shape);
  s.value_width = padded(p.value_dim, shape);
  s.q = take(rows * s.width);
  s.o = take(rows * s.value_width);
  s.rows = take(unit == 1 ? 0 : rows * larger(s.width, s.value_width) / unit);
  s.qt = take(rows * s.width / unit);
  s.ot = take(rows * s.value_width);
  const auto store = [&](Int width) __attribute__((always_inline)) {
    // A key is in at most one pair with its neighbour on either side: half a block, and one.
    KeyStore keys{take((kBlock / unit + unit - 1) * width), nullptr, nullptr,
                  p.max_time / kBlock + 1};
    keys.all = take(p.sets * keys.blocks * (kBlock / unit) * width);
    keys.stamps = reinterpret_cast<int64_t*>(take(p.sets * keys.blocks * 2));
    return keys;
  };
  s.keys = store(s.width);
  s.values = store(s.value_width);
  s.scores = take(kBlock * rows);
  s.part = take(kDecodeBlocks * p.sets * decode_part(p, shape));
  s.down = take(down * rows);
  if (backward) {
    s.dq = take(rows * s.width);
    s.dqt = take(rows * s.width);
    s.own = take(rows * s.value_width);
    s.dw = take(kBlock * rows);
    s.open = take(kBlock * rows);
    s.closed = take(kBlock * rows);
    s.starts = take((p.max_time / kBlock + 2) * rows);
    s.q_pairs = take(unit == 1 ? 0 : rows / unit * s.width);
    s.o_pairs = take(unit == 1 ? 0 : rows / unit * s.value_width);
    if (unit > 1) s.keys_down = store(s.width);
    s.across = take(unit == 1 ? 0 : kBlock * rows / unit);
    s.d_across = take(unit == 1 ? 0 : kBlock * rows / unit);
  }
  return static_cast<size_t>(used) * sizeof(float);
}

/// One position of few query heads.
[[gnu::always_inline]] inline bool decodes(const AttentionRun& run, const TileTable& t) {
  return run.time == 1 && t.group <= kDecodeRows;
}

[[gnu::always_inline]] inline void forget_keys(const KeyStore& keys, Int sets) {
  for (Int i = 0; keys.stamps != nullptr && i < sets * keys.blocks; ++i) keys.stamps[i] = 0;
}
/// No kept block is anybody's.
[[gnu::always_inline]] inline void forget_keys(const TileScratch& s, const AttentionProblem& p) {
  forget_keys(s.keys, p.sets);
  forget_keys(s.values, p.sets);
  forget_keys(s.keys_down, p.sets);
}

/// Gradients of the keys and values of one owner, from one part of its query tiles.
struct OwnerSums {
  float* dk;       ///< [slots, time, D]
  float* dv;       ///< [slots, time, E]
  float* learned;  ///< [heads, value_dim] of the learned remainder; null without one
  float* sink;     ///< [heads, head_dim] of the keys of the sinks; null without them
};

/// The skeleton compiled for one mechanism, element type and instruction set.
struct TileKernel {
  TileShape shape;
  bool two_walks;  ///< back; then a walk may also end before the last block
  void (*forward)(const AttentionProblem&, const AttentionRun&, const TileTable&, Int task,
                  char* scratch);
  /// Decoding split over keys. Blocks [from, to) of a task, counted from the nearest, each by
  /// itself: `parts` [to - from, sets, decode_part].
  void (*weigh)(const AttentionProblem&, const AttentionRun&, const TileTable&, Int task, Int from,
                Int to, float* parts, char* scratch);
  /// Joins the first `count` blocks; true, with the output written, where no more are needed.
  bool (*join)(const AttentionProblem&, const AttentionRun&, const TileTable&, Int task, Int count,
               const float* parts, char* scratch);
  /// Adds into the (zeroed) sums what the query tiles t of sequence b with t % parts == part give,
  /// and writes their dq.
  void (*backward)(const AttentionProblem&, const AttentionRun&, const TileTable&, Int b, Int owner,
                   Int part, const OwnerSums&, char* scratch);
  /// Writes the sums over parts (`stride` floats apart) of an owner's keys and values of sequence
  /// b, rows [begin, end), to the gradients.
  void (*write)(const AttentionProblem&, const AttentionRun&, Int b, Int owner, const OwnerSums&,
                Int parts, Int stride, Int begin, Int end);
};

}  // namespace weft
