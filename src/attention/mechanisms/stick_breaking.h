// Stick-breaking attention (arXiv 2410.17980): the formula, and the streaming policy of the tiles.
// Derivations, error bounds and the early exit: README.md.
#pragma once

#include "attention/problem.h"
#include "base/host_device.h"

namespace weft {

template <class C>
struct StickBreakingRow;

/// The definition. z [n] are the scores of the visible keys of one row, nearest first.
struct StickBreaking {
  template <class C>
  using Row = StickBreakingRow<C>;

  /// sigmoid(z) and 1 - sigmoid(z), both relatively accurate.
  template <class C>
  WEFT_HOST_DEVICE static void gate(C z, C& open, C& closed) {
    const C e = exponential(z < 0 ? z : -z);
    const C near_one = 1 / (1 + e), near_zero = e / (1 + e);
    open = z >= 0 ? near_one : near_zero;
    closed = z >= 0 ? near_zero : near_one;
  }
  /// Weights w [n]; what is left of the stick.
  template <class C>
  static C weights(const MechanismSettings&, const C* z, int64_t n, C* w) {
    C stick = 1;
    for (int64_t j = 0; j < n; ++j) {
      C open, closed;
      gate(z[j], open, closed);
      w[j] = open * stick;
      stick *= closed;
    }
    return stick;
  }
  /// dL/dz from g = dL/dw and d_rem = dL/d(what is left).
  template <class C>
  static void gradient(const MechanismSettings&, const C* z, const C* w, int64_t n, const C* g,
                       C d_rem, C* dz) {
    C worth = d_rem;  // of one unit of stick that passes key j
    for (int64_t j = n - 1; j >= 0; --j) {
      C open, closed;
      gate(z[j], open, closed);
      dz[j] = w[j] * closed * (g[j] - worth);
      worth += open * (g[j] - worth);
    }
  }
};

/// One query row on its way through its keys, for any machine (streaming.h). With b, c = gate(z)
/// and r the stick that arrives:
///   w = b r;  r' = r - b r where b < 1/2, else r c      (each keeps the digits the other loses)
///   the statistic is what is left, the remainder
/// Back, from the far end, with U the worth of one unit of stick that passes the key (there d_rem):
///   dz = w c (g - U);  U' = U + b (g - U)
/// r and U are f64 whatever C: in f32, thousands of gates below 2^-24 would leave r as it was, and
/// U would drift.
template <class C>
struct StickBreakingRow {
  static constexpr bool kTwoWalks = true;  ///< r is known near to far, U far to near
  static constexpr bool kRemainder = true;
  using Kept = double;
  /// A shorter stick is dead: its weights are 0, so that no denormals arise.
  static constexpr double kDead = sizeof(C) == sizeof(float) ? 0x1p-126 : 0x1p-1022;
  double stick, worth, exit_below;

  WEFT_HOST_DEVICE static C rounded(double r) { return r < kDead ? C(0) : C(r); }

  WEFT_HOST_DEVICE void begin(const MechanismSettings& settings) {
    stick = 1, exit_below = settings.exit_below;
  }
  WEFT_HOST_DEVICE bool spent() const {
    return exit_below == 0 ? rounded(stick) == 0 : stick < exit_below;
  }
  WEFT_HOST_DEVICE C absorb(C z, C& rescale) {
    rescale = 1;
    return replay(z);
  }
  WEFT_HOST_DEVICE void finish(C& factor, C& statistic) const {
    factor = 1, statistic = rounded(stick);
  }

  WEFT_HOST_DEVICE void begin_back(const MechanismSettings& settings, C, C, C d_rem) {
    begin(settings);
    worth = double(d_rem);
  }
  WEFT_HOST_DEVICE Kept keep() const { return stick; }
  WEFT_HOST_DEVICE void resume(Kept kept) { stick = kept; }
  WEFT_HOST_DEVICE C replay(C z) {
    C open, closed;
    StickBreaking::gate(z, open, closed);
    const C weight = open * rounded(stick);
    stick = open < C(0.5) ? stick - stick * double(open) : stick * double(closed);
    return weight;
  }
  WEFT_HOST_DEVICE C gradient(C z, C weight, C g) {
    C open, closed;
    StickBreaking::gate(z, open, closed);
    const double more = double(g) - worth;
    // What gets no weight must not move U: beyond a dead stick nothing matters, with or without
    // exit.
    if (weight != 0) worth += double(open) * more;
    return weight * closed * C(more);
  }
};

}  // namespace weft

#ifdef WEFT_ISA
#include "simd/math.h"

namespace weft::WEFT_ISA {

/// The stick of every row of a tile, in f64 between blocks; inside a block it restarts at 1 in f32
/// and the *loss* is summed, which keeps gates below 2^-24. The statistic saved is the remainder.
template <class T, int NV>
struct StickBreakingTile {
  static constexpr bool kTwoWalks = true;
  static constexpr bool kRemainder = true;
  static constexpr bool kFactors = true;
  static constexpr int kBlockNumbers = 2;  ///< of a stick of 1: what is lost, what is left
  static constexpr int kRows = NV * kLanes;
  double stick[kRows];
  double worth[kRows];  ///< U: of one unit of stick that arrives at the next nearer block
  double exit_below;

  /// The stick as f32; 0 once it is "dead", so that no denormals arise whatever the FTZ mode.
  static float rounded(double x) { return x < 0x1p-126 ? 0.f : float(x); }

  /// Rows from `rows` on are padding: their stick is gone, else a partial tile would never exit.
  void begin(const MechanismSettings& settings, int rows, const float*) {
    exit_below = settings.exit_below;
    for (int r = 0; r < kRows; ++r) stick[r] = r < rows ? 1 : 0;
  }
  bool spent() const {
    if (exit_below < 0) return false;
    double longest = 0;
    for (int r = 0; r < kRows; ++r) longest = stick[r] > longest ? stick[r] : longest;
    return exit_below == 0 ? rounded(longest) == 0 : longest < exit_below;
  }

  /// Weights of a block for sticks of length 1.
  void weigh(float* S, int n, float* block) const {
    Vec start[NV];
    for (int v = 0; v < NV; ++v) start[v] = splat(1.f);
    Vec loss[NV], left[NV];
    scan<false>(S, n, start, nullptr, nullptr, loss, left);
    for (int v = 0; v < NV; ++v) {
      store(block + v * kLanes, loss[v]);
      store(block + kRows + v * kLanes, left[v]);
    }
  }
  /// The sticks that arrive, as `gain`, and what the block leaves of them.
  void join(const float* block, float* keep, float* gain) {
    for (int i = 0; i < kRows; ++i) {
      const float lost = block[i], left = block[kRows + i];
      keep[i] = 1;
      gain[i] = rounded(stick[i]);
      stick[i] = lost < 0.5f ? stick[i] - stick[i] * double(lost) : stick[i] * double(left);
    }
  }
  void finish(float* factor, float* statistic) const {
    for (int r = 0; r < kRows; ++r) factor[r] = 1, statistic[r] = rounded(stick[r]);
  }
  static void rest(const float* statistic, const float*, float* left) {
    for (int r = 0; r < kRows; ++r) left[r] = statistic[r];
  }
  void begin_backward(const MechanismSettings& settings, const float*, const float*,
                      const float* d_rem, int rows) {
    begin(settings, rows, nullptr);
    for (int r = 0; r < kRows; ++r) worth[r] = d_rem[r];
  }

  /// Second walk, far to near, from the kept stick. S [n][kRows]: scores in, weights out; G:
  /// dL/dweight in, scale * dL/dscore out. `open` and `closed` [n][kRows] are scratch.
  void gradient(float* S, float* G, int n, float scale, const float* start, float* open,
                float* closed) {
    Vec R0[NV], loss[NV], left[NV];
    for (int v = 0; v < NV; ++v) R0[v] = load(start + v * kLanes);
    scan<true>(S, n, R0, open, closed, loss, left);
    alignas(64) float numbers[kRows];
    for (int r = 0; r < kRows; ++r) numbers[r] = float(worth[r]);
    Vec U[NV], u[NV];  // u: what the block adds to U; in plain f32 U itself would drift
    for (int v = 0; v < NV; ++v) U[v] = load(numbers + v * kLanes), u[v] = Vec{};
    for (int j = 0; j < n; ++j) {  // far to near: keys lie in increasing order
      for (int v = 0; v < NV; ++v) {
        const int at = j * kRows + v * kLanes;
        const Vec t = (load(G + at) - U[v]) - u[v];
        store(G + at, scale * load(S + at) * load(closed + at) * t);
        u[v] = fma(load(open + at), t, u[v]);
      }
    }
    for (int v = 0; v < NV; ++v) store(numbers + v * kLanes, u[v]);
    for (int r = 0; r < kRows; ++r) {
      // A dead row must not move: what lies beyond its stick cannot matter to it.
      if (start[r] != 0) worth[r] += double(numbers[r]);
    }
  }

 private:
  /// Near to far through one block, from sticks R0; the vectors of a row of S take turns, since
  /// each key waits for the one before. With kKept the gates are stored.
  template <bool kKept>
  static void scan(float* S, int n, const Vec* R0, float* open, float* closed, Vec* loss,
                   Vec* left) {
    for (int v = 0; v < NV; ++v) loss[v] = Vec{}, left[v] = splat(1.f);
    for (int j = n - 1; j >= 0; --j) {
      for (int v = 0; v < NV; ++v) {
        const int at = j * kRows + v * kLanes;
        const Gate g = gate(load(S + at));  // -inf, a hidden key: (0, 1)
        const Vec arrives = loss[v] < 0.5f ? 1.f - loss[v] : left[v];
        const Vec w = g.open * arrives;
        store(S + at, R0[v] * w);
        loss[v] += w;
        left[v] *= g.closed;
        if constexpr (kKept) {
          store(open + at, g.open);
          store(closed + at, g.closed);
        }
      }
    }
  }
};

}  // namespace weft::WEFT_ISA
#endif
