#include "runtime/known_peak.h"

#include <algorithm>

namespace weft {
namespace {

constexpr double kSeconds = 0.15;        // of a measurement; the contract allows 0.2
constexpr double kFirst = 3 * kSeconds;  // allowed from the beginning
constexpr double kShare = 0.01;          // of the time that passes, besides

}  // namespace

void KnownPeak::measure_once(const Measure& measure) {
  gflops_ = std::max(gflops_, measure(kSeconds));
  spent_ += kSeconds;
}

void KnownPeak::require(const Measure& measure) {
  if (gflops_ == 0 && spent_ == 0) measure_once(measure);
}

std::optional<double> KnownPeak::share(double gflops, double elapsed, const Measure& measure) {
  require(measure);
  if (gflops > gflops_ && spent_ + kSeconds <= kFirst + kShare * elapsed) measure_once(measure);
  if (!(gflops <= gflops_)) return {};
  return gflops / gflops_;
}

}  // namespace weft
