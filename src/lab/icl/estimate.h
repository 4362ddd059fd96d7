// A mean over samples with its uncertainty.
#pragma once

#include <cmath>
#include <cstdint>

namespace weft::icl {

struct Estimate {
  double mean = 0;
  double error = 0;  ///< standard error of the mean

  bool agrees(double value, double errors = 4) const {
    return std::abs(mean - value) <= errors * error;
  }
};

/// The mean of value(index) over index = 0..samples-1 (at least 2), added up in that order.
template <class F>
Estimate estimate(uint64_t samples, F&& value) {
  double mean = 0, squares = 0;  // Welford's updates
  for (uint64_t i = 0; i < samples; ++i) {
    const double x = value(i), before = x - mean;
    mean += before / static_cast<double>(i + 1);
    squares += before * (x - mean);
  }
  const auto n = static_cast<double>(samples);
  return {mean, std::sqrt(squares / (n - 1) / n)};
}

}  // namespace weft::icl
