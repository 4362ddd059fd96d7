// Tiles: what the skeleton that runs on every instruction set is told, and its working memory.
//
// A tile is a few vectors of query rows; lane l holds position l / group and query head l % group
// of `group` consecutive query heads that share a key/value head. Keys come in blocks of kBlock,
// cut at multiples of kBlock of the key's index within its own document: a row's bits then do not
// depend on tiles, chunks, packing or threads.
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
  int vectors;  ///< 1 where all rows fit one vector, else kVectors
  int group;    ///< query heads in a tile
  Int chunks;   ///< tiles for the query heads of one key/value head
};

/// Working memory of a thread. Widths are padded to whole vectors: D and E stand for the padded
/// head_dim and value_dim, R for the rows of a full tile.
struct TileScratch {
  float *q, *qt;              ///< [R, D], [D, R]
  float *o, *ot;              ///< [R, E], [E, R]; in the backward dL/dx
  float *keys, *values;       ///< [kBlock, D], [kBlock, E], what could not be read in place
  float* scores;              ///< [kBlock, R]
  float *dq, *dqt;            ///< [R, D], [D, R]; backward only, from here on
  float* own;                 ///< [R, E] values of the queries' own positions
  float *dw, *open, *closed;  ///< [kBlock, R]
  float* starts;              ///< [blocks, R] what a two-walk mechanism keeps of each block

  Int width, value_width;  ///< D, E
};

[[gnu::always_inline]] inline Int round_up(Int n, Int to) {
  return (n + to - 1) / to * to;
}

/// Hands out `base`; returns the number of bytes taken, whatever the base.
[[gnu::always_inline]] inline size_t carve(TileScratch& s, const AttentionProblem& p, int lanes,
                                           bool backward, char* base) {
  const Int rows = kVectors * lanes;
  Int used = 0;
  const auto take = [&](Int floats) __attribute__((always_inline)) {
    float* at = base == nullptr ? nullptr : reinterpret_cast<float*>(base) + used;
    used += round_up(floats, 16);
    return at;
  };
  s.width = round_up(p.head_dim, lanes);
  s.value_width = round_up(p.value_dim, lanes);
  s.q = take(rows * s.width);
  s.qt = take(rows * s.width);
  s.o = take(rows * s.value_width);
  s.ot = take(rows * s.value_width);
  s.keys = take(kBlock * s.width);
  s.values = take(kBlock * s.value_width);
  s.scores = take(kBlock * rows);
  if (backward) {
    s.dq = take(rows * s.width);
    s.dqt = take(rows * s.width);
    s.own = take(rows * s.value_width);
    s.dw = take(kBlock * rows);
    s.open = take(kBlock * rows);
    s.closed = take(kBlock * rows);
    s.starts = take((p.max_time / kBlock + 2) * rows);
  }
  return static_cast<size_t>(used) * sizeof(float);
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
  int lanes;
  void (*forward)(const AttentionProblem&, const AttentionRun&, const TileTable&, Int task,
                  char* scratch);
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
