// One tile of the forward: a walk over the key blocks from near to far. *_simd.cc files only.
#pragma once

#include "attention/tile_walk.h"

namespace weft::WEFT_ISA {

/// Spends the rest of the rows o [kRows, E] where the mechanism says on what.
template <class M, class T, int NV>
void spend_rest(const Tile<T, NV>& tile, const TileScratch& s, const float* rest) {
  const AttentionProblem& p = tile.p;
  if (!M::kRemainder || p.settings.remainder == Remainder::none) return;
  const bool learned = p.settings.remainder == Remainder::learned;
  const float* w = learned ? static_cast<const float*>(tile.run.in[p.remainder_input]) : nullptr;
  for (int l = 0; l < tile.rows; ++l) {
    float* own = s.ot;  // [E]: no longer needed
    if (learned) {
      pack_row(w + tile.head_of(l) * p.value_dim, p.value_dim, own, s.value_width);
    } else {
      pack_row(fresh_row<T>(tile.run, p.v[tile.kv_of(l)], tile.row(l)), p.value_dim, own,
               s.value_width);
    }
    float* o = s.o + l * s.value_width;
    for (Int d = 0; d < s.value_width; d += kLanes) {
      store(o + d, fma(splat(rest[l]), load(own + d), load(o + d)));
    }
  }
}

/// The output rows o [kRows, E] of a finished walk, from ot [E, kRows] and the last factor.
template <class T, int NV>
void finish_rows(const Tile<T, NV>& tile, const TileScratch& s, const float* factor) {
  constexpr int R = Tile<T, NV>::kRows;
  for (Int d = 0; d < tile.p.value_dim; ++d) {
    for (int v = 0; v < NV; ++v) {
      float* o = s.ot + d * R + v * kLanes;
      store(o, load(o) * load(factor + v * kLanes));
    }
  }
  transpose(s.ot, s.value_width, R, R, s.o, s.value_width);
}

/// What rounding took from the output of a lane.
template <class T, int NV>
void store_rest(const Tile<T, NV>& tile, const TileScratch& s, int lane) {
  const float* exact = s.o + lane * s.value_width;
  const T* o = static_cast<const T*>(tile.run.o) + tile.output(lane);
  T* rest = static_cast<T*>(tile.run.o_rest) + tile.output(lane);
  for (Int d = 0; d < tile.p.value_dim; d += kLanes) {
    const int n = static_cast<int>(smaller(kLanes, tile.p.value_dim - d));
    if (n == kLanes) {  // partial ones copy halves one by one
      store(rest + d, load(exact + d) - load(o + d));
    } else {
      store_partial(rest + d, load(exact + d) - load_partial(o + d, n), n);
    }
  }
}

template <class T, int NV>
void store_rows(const Tile<T, NV>& tile, const TileScratch& s, const float* statistic,
                const float* rest, int visited) {
  const AttentionRun& run = tile.run;
  for (int l = 0; l < tile.rows; ++l) {
    unpack_row(s.o + l * s.value_width, tile.p.value_dim, static_cast<T*>(run.o) + tile.output(l),
               false);
    if (run.o_rest != nullptr) store_rest(tile, s, l);
    if (run.rem != nullptr) static_cast<float*>(run.rem)[tile.statistic(l)] = rest[l];
    if (run.statistic != nullptr) {
      static_cast<float*>(run.statistic)[tile.statistic(l)] = statistic[l];
    }
    if (run.visited != nullptr) run.visited[tile.statistic(l)] = visited;
  }
}

/// Saves what arrives at a block for the backward of a mechanism with two walks.
template <class T, int NV>
void save_starts(const Tile<T, NV>& tile, const float* start, Int block) {
  if (tile.run.starts == nullptr) return;
  for (int l = 0; l < tile.rows; ++l) *tile.start(l, block) = start[l];
}

/// Keys [j0, j1) of a set, in block `number` of the walk: o becomes what it is with them.
template <class M, class T, int NV>
void absorb_block(const Tile<T, NV>& tile, const TileScratch& s, M& rows, Int set, Int j0, Int j1,
                  Int number) {
  constexpr int R = M::kRows;
  const AttentionProblem& p = tile.p;
  const Int entry = entry_of(p, set, tile.kv), n = j1 - j0;
  const auto K = tile.keys.along_channels(keys_of(p, entry), set, j0, j1, s.keys, s.width);
  tile.scores(K, s.qt, j0, j1, s.scores);
  alignas(64) float block[M::kBlockNumbers * R], keep[R], gain[R];
  rows.weigh(s.scores, static_cast<int>(n), block);
  round_in_place<T>(s.scores, n * R);
  const auto* P = down<Operand<T>>(s.scores, n, R, tile.keys.lead(j0), s.down);
  const auto V = tile.keys.along_keys(values_of(p, entry), set, j0, j1, s.values, s.value_width);
  rows.join(block, keep, gain);
  if constexpr (M::kTwoWalks) save_starts(tile, gain, number);
  constexpr Into kInto = M::kFactors ? Into::join : Into::add;
  tile.template accumulate<kInto>(p.value_dim, j0, j1, V, P, s.ot, {.keep = keep, .gain = gain});
}

template <class M, class T, int NV>
void forward_tile(const AttentionProblem& p, const AttentionRun& run, const TileTable& t, Int task,
                  const TileScratch& s) {
  constexpr int R = M::kRows;
  // Tiles of one head follow each other, so that its keys stay in cache; the longest come first.
  const Int tile_number = t.tiles - 1 - task % t.tiles, heads = task / t.tiles;
  const Tile<T, NV> tile(p, run, t, tile_number, heads / t.chunks, heads % t.chunks);
  tile.pack_queries(s.q, s.width);
  tile.turn(s.q, s.width, s.rows, s.qt);
  for (Int e = 0; e < s.value_width * R; e += kLanes) store(s.ot + e, Vec{});

  alignas(64) float sink[R];
  tile.sink_scores(s.q, s.width, sink);
  M rows;
  rows.begin(p.settings, tile.rows, sink);
  int visited = 0;
  for (Int j1 = tile.end; j1 > tile.begin && !rows.spent(); ++visited) {
    const Int j0 = tile.block_begin(j1);
    for (Int set = 0; set < p.sets; ++set) absorb_block(tile, s, rows, set, j0, j1, visited);
    j1 = j0;
  }

  alignas(64) float factor[R], statistic[R], rest[R] = {};
  rows.finish(factor, statistic);
  if constexpr (M::kRemainder) M::rest(statistic, sink, rest);
  finish_rows(tile, s, factor);
  spend_rest<M>(tile, s, rest);
  store_rows(tile, s, statistic, rest, visited);
}

}  // namespace weft::WEFT_ISA
