// What the two directions share: the rows of a tile, its key blocks, scores and masks.
// *_simd.cc files only.
#pragma once

#include "attention/tile_gemm.h"
#include "attention/tile_keys.h"

namespace weft::WEFT_ISA {

/// One tile: lane l holds position first + l / group and query head head + l % group.
template <class T, int NV>
struct Tile {
  using E = Operand<T>;
  static constexpr int kRows = NV * kLanes;
  static constexpr Int kUnit = weft::WEFT_ISA::kUnit<E>;

  const AttentionProblem& p;
  const AttentionRun& run;
  Int b, kv, head;  ///< sequence, first key/value head, first query head
  int key_heads;    ///< key/value heads: 1, or several for one position
  Int first;        ///< row of batch * time
  int group, rows;  ///< query heads, lanes in use
  Int position;     ///< absolute, of the first row
  Int document;
  Int begin, end;                        ///< keys that any lane sees
  Int all_begin, all_end;                ///< keys that every lane sees
  alignas(64) int32_t sees_from[kRows];  ///< relative to `begin`; lanes out of use see nothing
  alignas(64) int32_t sees_to[kRows];
  KeyBlocks<T> keys;

  /// `kv_head`: counted in steps of the table's key_heads.
  Tile(const AttentionProblem& problem, const AttentionRun& r, const TileTable& t, Int tile,
       Int kv_head, Int chunk)
      : p(problem),
        run(r),
        b(t.first[tile] / run.time),
        kv(kv_head * t.key_heads),
        head(kv * (p.heads / p.kv_heads) + chunk * t.group),
        key_heads(t.key_heads),
        first(t.first[tile]),
        group(t.group * t.key_heads),
        rows(t.count[tile] * group),
        position(run.past + first % run.time),
        document(document_of(run, first)),
        keys(p, run, b, kv, document, t.keeps_keys) {
    const KeyRange near = visible_keys(p, run, document, position);
    const KeyRange far = visible_keys(p, run, document, position + t.count[tile] - 1);
    begin = near.begin;
    end = far.end;
    all_begin = far.begin;
    all_end = near.end;
    for (int l = 0; l < kRows; ++l) {
      const KeyRange seen_keys =
          l < rows ? visible_keys(p, run, document, position + l / group) : KeyRange{begin, begin};
      sees_from[l] = static_cast<int32_t>(seen_keys.begin - begin);
      sees_to[l] = static_cast<int32_t>(seen_keys.end - begin);
    }
  }

  Int row(int lane) const { return first + lane / group; }
  Int head_of(int lane) const { return head + lane % group; }
  Int kv_of(int lane) const { return kv + lane % group / (group / key_heads); }
  /// Index of a lane in [rows, heads].
  Int statistic(int lane) const { return row(lane) * p.heads + head_of(lane); }
  /// Where what arrives at a block of the walk is saved.
  float* start(int lane, Int block) const {
    return run.starts + statistic(lane) * p.most_blocks + block;
  }
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

  /// Rows [kRows, width] of the tile, exact in T, as operands along the channels, transposed:
  /// [width / unit, kRows].
  static void turn(float* from, Int width, float* rows, float* to) {
    const auto* operands = reinterpret_cast<const float*>(across<E>(from, kRows, width, rows));
    transpose(operands, kRows, width / kUnit, width / kUnit, to, kRows);
  }

  /// S [j1 - j0, kRows] = scores, -inf where a lane does not see the key.
  void scores(const Rows<E>& K, const float* qt, Int j0, Int j1, float* S) const {
    const int n = static_cast<int>(j1 - j0);
    products(n, p.head_dim, K, qt, S, p.scale);
    if (p.slopes != nullptr) add_slopes(j0, n, S);
    if (partly_hidden(j0, j1)) hide(j0, n, S, -__builtin_inff());
  }
  /// S [n, kRows] = scale * the products of n rows with the tile's own, `turned`.
  static void products(int n, Int channels, const Rows<E>& rows, const float* turned, float* S,
                       float scale) {
    gemm<NV, Along::k, Into::assign, E>(
        n, static_cast<int>((channels + kUnit - 1) / kUnit),
        {rows.at, rows.stride, reinterpret_cast<const E*>(turned), kRows, S, kRows},
        {.scale = scale});
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

  /// C [M, kRows] into A^T B over the keys of a block: A and B are operands along the keys.
  template <Into kInto>
  void accumulate(Int M, Int j0, Int j1, const Rows<E>& A, const E* B, float* C,
                  const GemmFactors& f = {}) const {
    const int n = keys.operands(j0, j1);
    const bool others = partly_hidden(j0, j1) || keys.holds_others(j0, j1);
    if (others && !finite(A, n, M)) {
      accumulate_seen<kInto>(M, j0, n, A, B, C, f);
    } else {
      gemm<NV, Along::m, kInto, E>(static_cast<int>(M), n, {A.at, A.stride, B, kRows, C, kRows}, f);
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
  /// The same where a lane takes no part in keys that it does not see: for blocks in which some key
  /// is not finite (0 * NaN is NaN).
  template <Into kInto>
  void accumulate_seen(Int M, Int j0, int n, const Rows<E>& A, const E* B, float* C,
                       const GemmFactors& f) const {
    for (Int m = 0; m < M; ++m) {
      for (int v = 0; v < NV; ++v) {
        Vec sum{};
        for (int k = 0; k < n; ++k) {
          const WordVec a =
              splat_word(A.at + k * A.stride + m) & seen(j0 - keys.lead(j0) + k * kUnit, v);
          sum = mul_add<E>(a, load_words(B + k * kRows + v * kLanes), sum);
        }
        float* c = C + m * kRows + v * kLanes;
        const Vec before = load(c);
        if constexpr (kInto == Into::add) store(c, before + sum);
        if constexpr (kInto == Into::join) {
          store(c, fma(sum, load(f.gain + v * kLanes), before * load(f.keep + v * kLanes)));
        }
      }
    }
  }
  /// The bits of the operand that begins with key j that lanes see.
  WordVec seen(Int j, int v) const {
    const auto low = reinterpret_cast<WordVec>(visible(j, v));
    if constexpr (kUnit == 1) return low;
    const auto high = reinterpret_cast<WordVec>(visible(j + 1, v));
    return (low & 0xffffu) | (high & 0xffff0000u);
  }
  static bool finite(const Rows<E>& A, int n, Int width) {
    // A sum of x - x is 0 where every x is finite, NaN otherwise.
    Vec sum{};
    for (int k = 0; k < n; ++k) {
      for (Int d = 0; d < width; d += kLanes) {
        const int lanes = static_cast<int>(smaller(kLanes, width - d));
        const Vec x = load_partial(reinterpret_cast<const float*>(A.at + k * A.stride + d), lanes);
        if constexpr (kUnit == 1) {
          sum += x - x;
        } else {
          const auto bits = reinterpret_cast<WordVec>(x);
          const auto first = reinterpret_cast<Vec>(bits << 16);
          const auto second = reinterpret_cast<Vec>(bits & 0xffff0000u);
          sum += (first - first) + (second - second);
        }
      }
    }
    return all_finite(sum);
  }
};

}  // namespace weft::WEFT_ISA
