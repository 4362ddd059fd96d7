// Softmax attention (arXiv 1706.03762): the formula, and the streaming policy of the tiles.
#pragma once

#include "attention/problem.h"
#include "base/host_device.h"

namespace weft {

template <class C>
struct SoftmaxRow;

/// The definition. z [n] are the scores of the visible keys of one row, nearest first.
struct Softmax {
  template <class C>
  using Row = SoftmaxRow<C>;

  /// Weights w [n]; what is left over (nothing: weights sum to one).
  template <class C>
  static C weights(const MechanismSettings&, const C* z, int64_t n, C* w) {
    C top = z[0];
    for (int64_t j = 1; j < n; ++j) top = z[j] > top ? z[j] : top;
    C total = 0;
    for (int64_t j = 0; j < n; ++j) total += w[j] = C(__builtin_exp(double(z[j] - top)));
    for (int64_t j = 0; j < n; ++j) w[j] /= total;
    return 0;
  }
  /// dL/dz from g = dL/dw.
  template <class C>
  static void gradient(const MechanismSettings&, const C*, const C* w, int64_t n, const C* g, C,
                       C* dz) {
    C mean = 0;
    for (int64_t j = 0; j < n; ++j) mean += w[j] * g[j];
    for (int64_t j = 0; j < n; ++j) dz[j] = w[j] * (g[j] - mean);
  }
};

/// One query row on its way through its keys, for any machine (streaming.h). With m the largest
/// score so far and l the sum of e^(z - m):
///   m' = max(m, z);  what was summed shrinks by f = e^(m - m');  w = e^(z - m');  l = l f + w
///   at the end the sum is divided by l; the statistic is log sum exp = m + log l
/// Back, with delta = dL/do . o:  w = e^(z - statistic),  dz = w (g - delta).
template <class C>
struct SoftmaxRow {
  static constexpr bool kTwoWalks = false;
  static constexpr bool kRemainder = false;
  using Kept = double;
  C top, total, delta;  ///< m (on the way back the statistic), l, delta

  WEFT_HOST_DEVICE void begin(const MechanismSettings&) { top = -C(__builtin_inf()), total = 0; }
  WEFT_HOST_DEVICE bool spent() const { return false; }
  WEFT_HOST_DEVICE C absorb(C z, C& rescale) {
    const C before = top;
    if (z > top) top = z;
    // A row that has seen no key yet keeps -inf; subtracting 0 instead avoids inf - inf.
    const C base = top == -C(__builtin_inf()) ? C(0) : top;
    rescale = exponential(before - base);
    const C weight = exponential(z - base);
    total = total * rescale + weight;
    return weight;
  }
  WEFT_HOST_DEVICE void finish(C& factor, C& statistic) const {
    factor = 1 / total;
    statistic = top + logarithm(total);
  }

  WEFT_HOST_DEVICE void begin_back(const MechanismSettings&, C statistic, C dot, C) {
    top = statistic, delta = dot;
  }
  WEFT_HOST_DEVICE Kept keep() const { return 0; }
  WEFT_HOST_DEVICE void resume(Kept) {}
  WEFT_HOST_DEVICE C replay(C z) { return exponential(z - top); }
  WEFT_HOST_DEVICE C gradient(C, C weight, C g) { return weight * (g - delta); }
};

}  // namespace weft

#ifdef WEFT_ISA
#include "attention/tile_operand.h"
#include "simd/math.h"

namespace weft::WEFT_ISA {

/// Rows of a tile on their way through the keys: the largest score m, the sum l of e^(score - m).
/// The statistic saved is log sum exp of a row. A sink is the first score of a row, and its weight
/// is the rest. A block is weighed by itself, relative to its own largest score, and then joined.
template <class T, int NV>
struct SoftmaxTile {
  static constexpr bool kTwoWalks = false;
  static constexpr bool kRemainder = true;
  static constexpr bool kFactors = true;
  static constexpr int kBlockNumbers = 2;  ///< m and l of a block
  static constexpr int kRows = NV * kLanes;
  alignas(64) float m[kRows];
  alignas(64) float l[kRows];
  alignas(64) float delta[kRows];

  void begin(const MechanismSettings&, int, const float* sink) {
    for (int r = 0; r < kRows; ++r) m[r] = sink[r], l[r] = sink[r] == -__builtin_inff() ? 0 : 1;
  }
  bool spent() const { return false; }

  /// A row that has seen no key yet keeps -inf; subtracting 0 instead avoids inf - inf.
  static Vec base_of(Vec top) { return top == -__builtin_inff() ? Vec{} : top; }

  void weigh(float* S, int n, float* block) const {
    Vec top[NV], base[NV], total[NV];
    for (int v = 0; v < NV; ++v) top[v] = load(S + v * kLanes), total[v] = Vec{};
    for (int j = 1; j < n; ++j) {
      for (int v = 0; v < NV; ++v) top[v] = max(top[v], load(S + j * kRows + v * kLanes));
    }
    for (int v = 0; v < NV; ++v) base[v] = base_of(top[v]);
    for (int j = 0; j < n; ++j) {
      for (int v = 0; v < NV; ++v) {
        float* s = S + j * kRows + v * kLanes;
        // Rounded before they are summed: the weights by which values are multiplied sum to one.
        const Vec w = rounded_weight<T>(exp_weight<T>(load(s) - base[v]));
        total[v] += w;
        store(s, w);
      }
    }
    for (int v = 0; v < NV; ++v) {
      store(block + v * kLanes, top[v]);
      store(block + kRows + v * kLanes, total[v]);
    }
  }
  void join(const float* block, float* keep, float* gain) {
    for (int r = 0; r < kRows; r += kLanes) {
      const Vec before = load(m + r), here = load(block + r);
      const Vec top = max(before, here), base = base_of(top);
      const Vec f = exp(before - base), g = exp(here - base);
      store(m + r, top);
      store(l + r, fma(load(block + kRows + r), g, load(l + r) * f));
      store(keep + r, f);
      store(gain + r, g);
    }
  }
  /// Last factor on the output rows, and the statistic.
  void finish(float* factor, float* statistic) const {
    for (int r = 0; r < kRows; ++r) {
      factor[r] = 1.f / l[r];
      statistic[r] = m[r] + __builtin_logf(l[r]);
    }
  }

  static void rest(const float* statistic, const float* sink, float* weight) {
    for (int r = 0; r < kRows; r += kLanes)
      store(weight + r, exp(load(sink + r) - load(statistic + r)));
  }

  /// Backward: `dot` = dO . O of each row, and what d_rem adds to it.
  void begin_backward(const MechanismSettings&, const float* statistic, const float* dot,
                      const float*, int) {
    for (int r = 0; r < kRows; ++r) m[r] = statistic[r], delta[r] = dot[r];
  }
  /// S [n][kRows]: scores in, weights out. G [n][kRows]: dL/dweight in, scale * dL/dscore out.
  void gradient(float* S, float* G, int n, float scale, const float*, float*, float*) {
    for (int v = 0; v < NV; ++v) {
      float* s = S + v * kLanes;
      float* g = G + v * kLanes;
      const Vec base = load(m + v * kLanes), d = load(delta + v * kLanes);
      for (int j = 0; j < n; ++j) {
        const Vec w = exp_weight<T>(load(s + j * kRows) - base);
        store(s + j * kRows, w);
        store(g + j * kRows, w * scale * (load(g + j * kRows) - d));
      }
    }
  }
};

}  // namespace weft::WEFT_ISA
#endif
