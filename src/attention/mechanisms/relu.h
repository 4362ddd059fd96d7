// Rectified linear attention, ReLA (arXiv 2104.07012): the formula, and the streaming policy of the
// tiles. What keeps it in bounds is the gated normalisation of the output (ops/gated_norm).
#pragma once

#include "attention/problem.h"

namespace weft {

/// The definition. z [n] are the scores of the visible keys of one row, nearest first.
struct Relu {
  /// Weights w [n]; what is left over (nothing is). A NaN stays one.
  template <class C>
  static C weights(const MechanismSettings&, const C* z, int64_t n, C* w) {
    for (int64_t j = 0; j < n; ++j) w[j] = z[j] <= 0 ? C(0) : z[j];
    return 0;
  }
  /// dL/dz from g = dL/dw; 0 where z is 0.
  template <class C>
  static void gradient(const MechanismSettings&, const C* z, const C*, int64_t n, const C* g, C,
                       C* dz) {
    for (int64_t j = 0; j < n; ++j) dz[j] = z[j] <= 0 ? C(0) : g[j];
  }
};

}  // namespace weft

#ifdef WEFT_ISA
#include "simd/vec.h"

namespace weft::WEFT_ISA {

/// Rows without a state: no maximum, no sum, nothing to save. A hidden key scores -inf, which is 0.
template <class T, int NV>
struct ReluTile {
  static constexpr bool kTwoWalks = false;
  static constexpr bool kRemainder = false;
  static constexpr bool kFactors = false;
  static constexpr int kBlockNumbers = 1;
  static constexpr int kRows = NV * kLanes;

  void begin(const MechanismSettings&, int, const float*) {}
  bool spent() const { return false; }
  void weigh(float* S, int n, float*) const {
    for (int e = 0; e < n * kRows; e += kLanes) {
      const Vec s = load(S + e);
      store(S + e, s <= 0.f ? Vec{} : s);
    }
  }
  void join(const float*, float*, float*) {}
  void finish(float* factor, float* statistic) const {
    for (int r = 0; r < kRows; ++r) factor[r] = 1, statistic[r] = 0;
  }

  void begin_backward(const MechanismSettings&, const float*, const float*, const float*, int) {}
  /// S [n][kRows]: scores in, weights out. G [n][kRows]: dL/dweight in, scale * dL/dscore out.
  void gradient(float* S, float* G, int n, float scale, const float*, float*, float*) {
    for (int e = 0; e < n * kRows; e += kLanes) {
      const Vec s = load(S + e);
      store(G + e, s <= 0.f ? Vec{} : scale * load(G + e));
      store(S + e, s <= 0.f ? Vec{} : s);
    }
  }
};

}  // namespace weft::WEFT_ISA
#endif
