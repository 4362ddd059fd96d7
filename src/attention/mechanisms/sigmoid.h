// Sigmoid attention (arXiv 2409.04431; normalised by the row sum: arXiv 2410.10781): the formula,
// and the streaming policy of the tiles.
#pragma once

#include "attention/mechanisms/stick_breaking.h"  // the gate
#include "attention/problem.h"

namespace weft {

/// The definition. z [n] are the scores of the visible keys of one row, nearest first.
struct Sigmoid {
  static double bias(const MechanismSettings& s) { return s.numbers[0]; }

  /// Weights w [n]; what is left over (nothing is). A row whose gates sum to 0 gets weights 0.
  template <class C>
  static C weights(const MechanismSettings& s, const C* z, int64_t n, C* w) {
    C total = 0, closed;
    for (int64_t j = 0; j < n; ++j) {
      StickBreaking::gate(z[j] + C(bias(s)), w[j], closed);
      total += w[j];
    }
    if (!s.normalised) return 0;
    for (int64_t j = 0; j < n; ++j) w[j] = total == 0 ? C(0) : w[j] / total;
    return 0;
  }
  /// dL/dz from g = dL/dw.
  template <class C>
  static void gradient(const MechanismSettings& s, const C* z, const C* w, int64_t n, const C* g, C,
                       C* dz) {
    C mean = 0;
    for (int64_t j = 0; s.normalised && j < n; ++j) mean += w[j] * g[j];
    for (int64_t j = 0; j < n; ++j) {
      C open, closed;
      StickBreaking::gate(z[j] + C(bias(s)), open, closed);
      dz[j] = w[j] * closed * (g[j] - mean);
    }
  }
};

}  // namespace weft

#ifdef WEFT_ISA
#include "attention/tile_operand.h"
#include "simd/math.h"

namespace weft::WEFT_ISA {

/// Rows of a tile: the sum l of their gates. The statistic saved is the factor on the gates: 1/l
/// (0 where l is below 2^-126, so that it does not overflow), or 1 where rows are not normalised.
template <class T, int NV>
struct SigmoidTile {
  static constexpr bool kTwoWalks = false;
  static constexpr bool kRemainder = false;
  static constexpr bool kFactors = false;
  static constexpr int kBlockNumbers = 1;  ///< the sum of the gates of a block
  static constexpr int kRows = NV * kLanes;
  alignas(64) float l[kRows];
  alignas(64) float share[kRows];  ///< the statistic
  alignas(64) float delta[kRows];
  float bias;
  bool normalised;

  void begin(const MechanismSettings& settings, int, const float*) {
    bias = float(Sigmoid::bias(settings));
    normalised = settings.normalised;
    for (int r = 0; r < kRows; ++r) l[r] = 0;
  }
  bool spent() const { return false; }
  void weigh(float* S, int n, float* block) const {
    for (int v = 0; v < NV; ++v) {
      float* s = S + v * kLanes;
      Vec total{};
      for (int j = 0; j < n; ++j) {
        const Vec w =
            rounded_weight<T>(gate(load(s + j * kRows) + bias).open);  // -inf, a hidden key: 0
        total += w;
        store(s + j * kRows, w);
      }
      store(block + v * kLanes, total);
    }
  }
  void join(const float* block, float*, float*) {
    for (int r = 0; r < kRows; r += kLanes) store(l + r, load(l + r) + load(block + r));
  }
  void finish(float* factor, float* statistic) const {
    for (int r = 0; r < kRows; ++r) {
      // A NaN stays one.
      factor[r] = !normalised ? 1.f : l[r] < 0x1p-126f ? 0.f : 1.f / l[r];
      statistic[r] = factor[r];
    }
  }

  /// `dot` = dO . O of each row, 0 where rows are not normalised.
  void begin_backward(const MechanismSettings& settings, const float* statistic, const float* dot,
                      const float*, int rows) {
    begin(settings, rows, nullptr);
    for (int r = 0; r < kRows; ++r) share[r] = statistic[r], delta[r] = dot[r];
  }
  /// S [n][kRows]: scores in, weights out. G [n][kRows]: dL/dweight in, scale * dL/dscore out.
  void gradient(float* S, float* G, int n, float scale, const float*, float*, float*) {
    for (int v = 0; v < NV; ++v) {
      float* s = S + v * kLanes;
      float* g = G + v * kLanes;
      const Vec factor = load(share + v * kLanes), d = load(delta + v * kLanes);
      for (int j = 0; j < n; ++j) {
        const Gate b = gate(load(s + j * kRows) + bias);
        const Vec w = b.open * factor;
        store(s + j * kRows, w);
        store(g + j * kRows, w * b.closed * scale * (load(g + j * kRows) - d));
      }
    }
  }
};

}  // namespace weft::WEFT_ISA
#endif
