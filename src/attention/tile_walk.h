// What the two directions share: the rows of a tile, its key blocks, scores and masks.
// *_simd.cc files only.
#pragma once

#include "attention/tile.h"
#include "attention/tile_gemm.h"
#include "attention/tile_pack.h"

namespace weft::WEFT_ISA {

/// Rows [n, width] in f32: in place in a tensor, or in a buffer.
struct Rows {
  const float* at;
  Int stride;
};

/// One tile: lane l holds position first + l / group and query head head + l % group.
template <class T, int NV>
struct Tile {
  static constexpr int kRows = NV * kLanes;

  const AttentionProblem& p;
  const AttentionRun& run;
  Int b, kv, head;  ///< sequence, key/value head, first query head
  Int first;        ///< row of batch * time
  int group, rows;  ///< query heads, lanes in use
  Int position;     ///< absolute, of the first row
  Int document;
  Int begin, end;                        ///< keys that any lane sees
  Int all_begin, all_end;                ///< keys that every lane sees
  alignas(64) int32_t sees_from[kRows];  ///< relative to `begin`; lanes out of use see nothing
  alignas(64) int32_t sees_to[kRows];

  Tile(const AttentionProblem& problem, const AttentionRun& r, const TileTable& t, Int tile,
       Int kv_head, Int chunk)
      : p(problem), run(r), kv(kv_head), group(t.group) {
    head = kv * (p.heads / p.kv_heads) + chunk * group;
    first = t.first[tile];
    rows = t.count[tile] * group;
    b = first / run.time;
    position = run.past + first % run.time;
    document = document_of(run, first);
    const KeyRange near = visible_keys(p, run, document, position);
    const KeyRange far = visible_keys(p, run, document, position + t.count[tile] - 1);
    begin = near.begin;
    end = far.end;
    all_begin = far.begin;
    all_end = near.end;
    for (int l = 0; l < kRows; ++l) {
      const KeyRange keys =
          l < rows ? visible_keys(p, run, document, position + l / group) : KeyRange{begin, begin};
      sees_from[l] = static_cast<int32_t>(keys.begin - begin);
      sees_to[l] = static_cast<int32_t>(keys.end - begin);
    }
  }

  Int row(int lane) const { return first + lane / group; }
  Int head_of(int lane) const { return head + lane % group; }
  /// Index of a lane in [rows, heads].
  Int statistic(int lane) const { return row(lane) * p.heads + head_of(lane); }
  /// Where the lane's part of an output [rows, heads * value_dim] lies.
  Int output(int lane) const { return statistic(lane) * p.value_dim; }

  /// The nearest part of the keys before `to` that lies in one block.
  Int block_begin(Int to) const { return larger(begin, weft::block_begin(document, to)); }
  bool partly_hidden(Int j0, Int j1) const { return j0 < all_begin || j1 > all_end; }

  template <class Pointer>
  void pack(Pointer pointer_of, Int n, float* to, Int width) const {
    for (int l = 0; l < rows; ++l) pack_row(pointer_of(l), n, to + l * width, width);
    for (int l = rows; l < kRows; ++l) {
      for (Int d = 0; d < width; d += kLanes) store(to + l * width + d, Vec{});
    }
  }
  void pack_queries(float* to, Int width) const {
    pack([&](int l) { return fresh_row<T>(run, p.q[head_of(l)], row(l)); }, p.head_dim, to, width);
  }
  /// Values of the queries' own positions.
  void pack_own(float* to, Int width) const {
    pack([&](int l) { return fresh_row<T>(run, p.v[kv], row(l)); }, p.value_dim, to, width);
  }

  const float* sink_key(int lane) const {
    return static_cast<const float*>(run.in[p.sink_input]) + head_of(lane) * p.head_dim;
  }
  /// Score of the slot that each lane sees beside its keys; -inf: none. q [kRows, width].
  void sink_scores(const float* q, Int width, float* scores) const {
    const float fixed = p.settings.sink == Sink::none ? -__builtin_inff() : 0.f;
    for (int l = 0; l < kRows; ++l) scores[l] = fixed;
    if (p.settings.sink != Sink::key) return;
    for (int l = 0; l < rows; ++l) {
      const float* k = sink_key(l);
      Vec product{};
      for (Int d = 0; d < p.head_dim; d += kLanes) {
        const int n = static_cast<int>(smaller(kLanes, p.head_dim - d));
        product = fma(load(q + l * width + d), load_partial(k + d, n), product);
      }
      scores[l] = p.scale * sum(product);
    }
  }

  /// Keys or values [j0, j1): in place where they are f32 and fresh, otherwise copied.
  Rows fetch(const KeySource& source, Int j0, Int j1, float* buffer, Int width) const {
    if constexpr (sizeof(T) == sizeof(float)) {
      if (j0 >= run.past) {
        return {fresh_row<T>(run, *source.fresh, b * run.time + j0 - run.past),
                source.fresh->width};
      }
    }
    for (Int j = j0; j < j1; ++j) {
      pack_row(key_row<T>(run, source, b, j), source.dim, buffer + (j - j0) * width, width);
    }
    return {buffer, width};
  }

  /// S [j1 - j0, kRows] = scores, -inf where a lane does not see the key.
  void scores(const Rows& K, const float* qt, Int j0, Int j1, float* S) const {
    const int n = static_cast<int>(j1 - j0);
    gemm<NV, Along::k, false>(n, static_cast<int>(p.head_dim),
                              {K.at, K.stride, qt, kRows, S, kRows}, p.scale);
    if (p.slopes != nullptr) add_slopes(j0, n, S);
    if (partly_hidden(j0, j1)) hide(j0, n, S, -__builtin_inff());
  }

  /// Replaces what belongs to pairs that do not see each other.
  void hide(Int j0, int n, float* S, float value) const {
    for (int v = 0; v < NV; ++v) {
      for (int j = 0; j < n; ++j) {
        float* s = S + j * kRows + v * kLanes;
        store(s, visible(j0 + j, v) ? load(s) : splat(value));
      }
    }
  }

  /// C [M, kRows] += A B for keys [j0, j0 + n), where a lane takes no part in keys that it does not
  /// see: for blocks in which some key is not finite (0 * NaN is NaN).
  void gemm_seen(int M, Int j0, int n, const Rows& A, const float* B, float* C) const {
    for (int m = 0; m < M; ++m) {
      for (int v = 0; v < NV; ++v) {
        Vec sum{};
        for (int j = 0; j < n; ++j) {
          const Vec more =
              fma(splat(A.at[j * A.stride + m]), load(B + j * kRows + v * kLanes), sum);
          sum = visible(j0 + j, v) ? more : sum;
        }
        float* c = C + m * kRows + v * kLanes;
        store(c, load(c) + sum);
      }
    }
  }
  /// C [M, kRows] += A^T B over the keys of a block.
  void accumulate(int M, Int j0, Int j1, const Rows& A, const float* B, float* C) const {
    const int n = static_cast<int>(j1 - j0);
    if (partly_hidden(j0, j1) && !finite(A, n, M)) {
      gemm_seen(M, j0, n, A, B, C);
    } else {
      gemm<NV, Along::m, true>(M, n, {A.at, A.stride, B, kRows, C, kRows});
    }
  }

 private:
  Mask visible(Int j, int v) const {
    const IntVec at = splat_int(static_cast<int32_t>(j - begin));
    IntVec from, to;
    std::memcpy(&from, sees_from + v * kLanes, sizeof from);
    std::memcpy(&to, sees_to + v * kLanes, sizeof to);
    return (at >= from) & (at < to);
  }
  void add_slopes(Int j0, int n, float* S) const {
    for (int v = 0; v < NV; ++v) {
      alignas(64) float slope[kLanes], distance[kLanes];
      for (int i = 0; i < kLanes; ++i) {
        const int l = v * kLanes + i;
        slope[i] = l < rows ? static_cast<float>(p.slopes[head_of(l)]) : 0;
        distance[i] = static_cast<float>(position + l / group - j0);
      }
      const Vec a = load(slope), from = load(distance);
      for (int j = 0; j < n; ++j) {
        float* s = S + j * kRows + v * kLanes;
        store(s, fnma(a, from - static_cast<float>(j), load(s)));
      }
    }
  }
  static bool finite(const Rows& A, int n, int width) {
    // A sum of x - x is 0 where every x is finite, NaN otherwise.
    Vec sum{};
    for (int j = 0; j < n; ++j) {
      const float* a = A.at + j * A.stride;
      int d = 0;
      for (; d + kLanes <= width; d += kLanes) {
        const Vec x = load(a + d);
        sum += x - x;
      }
      const Vec x = load_partial(a + d, width - d);
      sum += x - x;
    }
    return all_finite(sum);
  }
};

}  // namespace weft::WEFT_ISA
