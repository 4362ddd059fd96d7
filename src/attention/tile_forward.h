// One tile of the forward: a walk over the key blocks from near to far. *_simd.cc files only.
#pragma once

#include "attention/tile_walk.h"

namespace weft::WEFT_ISA {

/// The output rows o [kRows, E] of a finished walk, from ot [E, kRows]: last factor, and what the
/// rest is spent on.
template <class M, class T, int NV>
void finish_rows(const Tile<T, NV>& tile, const TileScratch& s, const float* factor,
                 const float* rest) {
  constexpr int R = Tile<T, NV>::kRows;
  const AttentionProblem& p = tile.p;
  for (Int d = 0; d < p.value_dim; ++d) {
    for (int v = 0; v < NV; ++v) {
      float* o = s.ot + d * R + v * kLanes;
      store(o, load(o) * load(factor + v * kLanes));
    }
  }
  transpose(s.ot, s.value_width, R, R, s.o, s.value_width);
  if constexpr (M::kRemainder) {
    if (p.settings.remainder == Remainder::none) return;
    const bool learned = p.settings.remainder == Remainder::learned;
    const float* w = learned ? static_cast<const float*>(tile.run.in[p.remainder_input]) : nullptr;
    for (int l = 0; l < tile.rows; ++l) {
      float* own = s.keys;  // [E]: no keys are needed any more
      if (learned) {
        pack_row(w + tile.head_of(l) * p.value_dim, p.value_dim, own, s.value_width);
      } else {
        pack_row(fresh_row<T>(tile.run, p.v[tile.kv], tile.row(l)), p.value_dim, own,
                 s.value_width);
      }
      float* o = s.o + l * s.value_width;
      for (Int d = 0; d < s.value_width; d += kLanes) {
        store(o + d, fma(splat(rest[l]), load(own + d), load(o + d)));
      }
    }
  }
}

/// What rounding took from the output of a lane.
template <class T, int NV>
void store_rest(const Tile<T, NV>& tile, const TileScratch& s, int lane) {
  const float* exact = s.o + lane * s.value_width;
  const T* o = static_cast<const T*>(tile.run.o) + tile.output(lane);
  T* rest = static_cast<T*>(tile.run.o_rest) + tile.output(lane);
  for (Int d = 0; d < tile.p.value_dim; d += kLanes) {
    const int n = static_cast<int>(smaller(kLanes, tile.p.value_dim - d));
    store_partial(rest + d, load(exact + d) - load_partial(o + d, n), n);
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

/// Keys [j0, j1) of a set: o becomes what it is with them.
template <class M, class T, int NV>
void absorb_block(const Tile<T, NV>& tile, const TileScratch& s, M& rows, Int set, Int j0, Int j1) {
  constexpr int R = M::kRows;
  const AttentionProblem& p = tile.p;
  const Int entry = entry_of(p, set, tile.kv);
  const int E = static_cast<int>(p.value_dim);
  tile.scores(tile.fetch(keys_of(p, entry), j0, j1, s.keys, s.width), s.qt, j0, j1, s.scores);
  alignas(64) float rescale[R];
  if (rows.absorb(s.scores, static_cast<int>(j1 - j0), rescale)) {
    for (Int d = 0; d < E; ++d) {
      for (int v = 0; v < NV; ++v) {
        float* o = s.ot + d * R + v * kLanes;
        store(o, load(o) * load(rescale + v * kLanes));
      }
    }
  }
  tile.accumulate(E, j0, j1, tile.fetch(values_of(p, entry), j0, j1, s.values, s.value_width),
                  s.scores, s.ot);
}

template <template <int> class Mechanism, class T, int NV>
void forward_tile(const AttentionProblem& p, const AttentionRun& run, const TileTable& t, Int task,
                  const TileScratch& s) {
  using M = Mechanism<NV>;
  constexpr int R = M::kRows;
  // Tiles of one head follow each other, so that its keys stay in cache; the longest come first.
  const Int tile_number = t.tiles - 1 - task % t.tiles, heads = task / t.tiles;
  const Tile<T, NV> tile(p, run, t, tile_number, heads / t.chunks, heads % t.chunks);
  tile.pack_queries(s.q, s.width);
  transpose(s.q, R, s.width, s.width, s.qt, R);
  for (Int e = 0; e < s.value_width * R; e += kLanes) store(s.ot + e, Vec{});

  alignas(64) float sink[R];
  tile.sink_scores(s.q, s.width, sink);
  M rows;
  rows.begin(p.settings, tile.rows, sink);
  int visited = 0;
  for (Int j1 = tile.end; j1 > tile.begin && !rows.spent(); ++visited) {
    const Int j0 = tile.block_begin(j1);
    for (Int set = 0; set < p.sets; ++set) absorb_block(tile, s, rows, set, j0, j1);
    j1 = j0;
  }

  alignas(64) float factor[R], statistic[R], rest[R] = {};
  rows.finish(factor, statistic);
  if constexpr (M::kRemainder) M::rest(statistic, sink, rest);
  finish_rows<M>(tile, s, factor, rest);
  store_rows(tile, s, statistic, rest, visited);
}

}  // namespace weft::WEFT_ISA
