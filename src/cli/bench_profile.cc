// What each kind of work in a training step takes, beside what the roofline says it should.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <numeric>

#include "cli/bench.h"
#include "cli/bench_training.h"
#include "train/profile.h"

namespace weft::cli {
namespace {

constexpr double kSeconds = 3;  ///< of measured steps
constexpr int kLeast = 3;       ///< steps

Timing timing_of(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2];
  const double range = times[times.size() * 3 / 4] - times[times.size() / 4];
  return {median, median > 0 ? range / median : 0, static_cast<int>(times.size())};
}

/// A row of the table: the rate that its bound limits, its share of the step, the roofline's time.
BenchResult result_of(const ProfileRow& row, DType type, double step, const Peaks& peaks) {
  const Timing timing = timing_of(row.seconds);
  BenchResult r = timed(fmt::format("{} {}", name_of(type), row.name), timing);
  const double by_products = row.cost.flops / (1e9 * peaks.of(gemm_bound(type)));
  const double by_memory = row.cost.bytes / (1e9 * peaks.bandwidth_gb_s);
  r.bound = by_products > by_memory ? gemm_bound(type) : Bound::bandwidth;
  const double work = by_products > by_memory ? row.cost.flops : row.cost.bytes;
  r.rate = work * 1e-9 / timing.median;
  if (row.cost.flops > 0) r.gflops = row.cost.flops * 1e-9 / timing.median;
  r.work = row.cost;
  r.note = fmt::format("{:4.1f}% of the step, {}x; {:.1f} GB/s", 100 * timing.median / step,
                       row.calls, row.cost.bytes * 1e-9 / timing.median);
  return r;
}

}  // namespace

std::vector<BenchResult> bench_profile(const BenchContext& context, const TrainingCase& c) {
  using Clock = std::chrono::steady_clock;
  BenchTraining training(c, context.runtime);
  training.step();
  StepProfile profile;
  std::vector<double> steps;
  while (static_cast<int>(steps.size()) < kLeast ||
         std::accumulate(steps.begin(), steps.end(), 0.0) < kSeconds) {
    const Clock::time_point start = Clock::now();
    profile.start_step();
    training.step(&profile);
    steps.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  const Timing whole = timing_of(steps);
  std::vector<BenchResult> results = {
      timed("train " + c.name(), whole, training.flops_per_step(), c.type)};
  results.back().is_training = true;
  for (const ProfileRow& row : profile.rows()) {
    results.push_back(result_of(row, c.type, whole.median, context.peaks));
  }
  std::stable_sort(results.begin() + 1, results.end(),
                   [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  return results;
}

}  // namespace weft::cli
