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
template <int NV>
struct StickBreakingTile {
  static constexpr bool kTwoWalks = true;
  static constexpr bool kRemainder = true;
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

  bool absorb(float* S, int n, float*) {
    alignas(64) float start[kRows];
    scan<false>(S, n, start, nullptr, nullptr);
    return false;
  }
  void finish(float* factor, float* statistic) const {
    for (int r = 0; r < kRows; ++r) factor[r] = 1, statistic[r] = rounded(stick[r]);
  }
  static void rest(const float* statistic, const float*, float* left) {
    for (int r = 0; r < kRows; ++r) left[r] = statistic[r];
  }
  /// First walk of the backward, near to far: keeps the stick that arrives at the block.
  void replay(float* S, int n, float* start) { scan<false>(S, n, start, nullptr, nullptr); }

  void begin_backward(const MechanismSettings& settings, const float*, const float*,
                      const float* d_rem, int rows) {
    begin(settings, rows, nullptr);
    for (int r = 0; r < kRows; ++r) worth[r] = d_rem[r];
  }

  /// Second walk, far to near, from the kept stick. S [n][kRows]: scores in, weights out; G:
  /// dL/dweight in, scale * dL/dscore out. `open` and `closed` [n][kRows] are scratch.
  void gradient(float* S, float* G, int n, float scale, const float* start, float* open,
                float* closed) {
    alignas(64) float unused[kRows];
    for (int r = 0; r < kRows; ++r) unused[r] = start[r];
    scan<true>(S, n, unused, open, closed);
    for (int v = 0; v < NV; ++v) {
      alignas(64) float base[kLanes], gain[kLanes];
      for (int i = 0; i < kLanes; ++i) base[i] = float(worth[v * kLanes + i]);
      const Vec U = load(base);
      Vec u{};                       // what the block adds to U; in plain f32 U itself would drift
      for (int j = 0; j < n; ++j) {  // far to near: keys lie in increasing order
        const int at = j * kRows + v * kLanes;
        const Vec t = (load(G + at) - U) - u;
        store(G + at, scale * load(S + at) * load(closed + at) * t);
        u = fma(load(open + at), t, u);
      }
      store(gain, u);
      // A dead row must not move: what lies beyond its stick cannot matter to it.
      for (int i = 0; i < kLanes; ++i) {
        if (start[v * kLanes + i] != 0) worth[v * kLanes + i] += double(gain[i]);
      }
    }
  }

 private:
  /// Near to far through one block. Fresh: takes the stick's start from `stick`, stores it, and
  /// shortens the stick. Kept: starts from `start` and stores the gates.
  template <bool kKept>
  void scan(float* S, int n, float* start, float* open, float* closed) {
    for (int v = 0; v < NV; ++v) {
      float* s = S + v * kLanes;
      double* r = stick + v * kLanes;
      if constexpr (!kKept) {
        for (int i = 0; i < kLanes; ++i) start[v * kLanes + i] = rounded(r[i]);
      }
      const Vec R0 = load(start + v * kLanes);
      Vec loss{}, left = splat(1.f);
      for (int j = n - 1; j >= 0; --j) {
        const Gate g = gate(load(s + j * kRows));  // -inf, a hidden key: (0, 1)
        const Vec arrives = loss < 0.5f ? 1.f - loss : left;
        const Vec w = g.open * arrives;
        store(s + j * kRows, R0 * w);
        loss += w;
        left *= g.closed;
        if constexpr (kKept) {
          store(open + j * kRows + v * kLanes, g.open);
          store(closed + j * kRows + v * kLanes, g.closed);
        }
      }
      if constexpr (!kKept) {
        alignas(64) float lost[kLanes], rest[kLanes];
        store(lost, loss);
        store(rest, left);
        for (int i = 0; i < kLanes; ++i) {
          r[i] = lost[i] < 0.5f ? r[i] - r[i] * double(lost[i]) : r[i] * double(rest[i]);
        }
      }
    }
  }
};

}  // namespace weft::WEFT_ISA
#endif
