// The best rate that a machine was seen to reach, as what utilisation is a share of.
#pragma once

#include <functional>
#include <optional>

namespace weft {

/// A peak that was measured while others had the cores is too low, which shows when work exceeds
/// it: it is measured again then, the larger counts, and what no measurement reaches has no share.
class KnownPeak {
 public:
  /// Measures for about so many seconds; returns GFLOP/s, 0 where that is not possible.
  using Measure = std::function<double(double seconds)>;

  KnownPeak() = default;
  /// 0: not measured yet.
  explicit KnownPeak(double gflops) : gflops_(gflops) {}

  double gflops() const { return gflops_; }
  /// Measures, where none is known, once.
  void require(const Measure& measure);
  /// What share `gflops` is of the peak, at most 1; nothing where it is more. `elapsed`: seconds of
  /// work so far, of which a hundredth may go into measuring again.
  std::optional<double> share(double gflops, double elapsed, const Measure& measure);

 private:
  void measure_once(const Measure& measure);

  double gflops_ = 0;
  double spent_ = 0;  ///< seconds of measuring
};

}  // namespace weft
