#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/bench.h"
#include "runtime/peak.h"

namespace weft::cli {
namespace {

constexpr double kBeside = 0.1;  ///< seconds of a measurement of memory beside a row

bool apart(double a, double b) {
  return std::fabs(a - b) > 0.1 * std::max(a, b);
}

}  // namespace

double Peaks::of(Bound bound) const {
  if (bound == Bound::bandwidth) return bandwidth_gb_s;
  return bound == Bound::gemm_bf16 ? gflops_bf16 : gflops_f32;
}

Peaks measure_peaks(const Runtime& runtime) {
  return {measure_gemm_peak(runtime, DType::f32, 0.4), measure_gemm_peak(runtime, DType::bf16, 0.4),
          measure_bandwidth(runtime, 0.2)};
}

Peaks larger(const Peaks& a, const Peaks& b) {
  return {std::max(a.gflops_f32, b.gflops_f32), std::max(a.gflops_bf16, b.gflops_bf16),
          std::max(a.bandwidth_gb_s, b.bandwidth_gb_s)};
}

Peaks reached(const std::vector<BenchResult>& results) {
  Peaks most;
  for (const BenchResult& r : results) {
    const double whole = r.rate / r.share_of_machine;
    if (r.bound == Bound::gemm_f32) most.gflops_f32 = std::max(most.gflops_f32, whole);
    if (r.bound == Bound::gemm_bf16) most.gflops_bf16 = std::max(most.gflops_bf16, whole);
  }
  return most;
}

bool exceeds(const Peaks& rates, const Peaks& peaks) {
  return rates.gflops_f32 > peaks.gflops_f32 || rates.gflops_bf16 > peaks.gflops_bf16;
}

std::string busy_note(const Peaks& before, const Peaks& after) {
  if (!apart(before.gflops_f32, after.gflops_f32) &&
      !apart(before.gflops_bf16, after.gflops_bf16) &&
      !apart(before.bandwidth_gb_s, after.bandwidth_gb_s)) {
    return "";
  }
  return fmt::format(
      "the machine was busy: peaks {:.0f} and {:.0f} GFLOP/s, {:.0f} GB/s before, {:.0f} and "
      "{:.0f}, {:.0f} after; the larger count",
      before.gflops_f32, before.gflops_bf16, before.bandwidth_gb_s, after.gflops_f32,
      after.gflops_bf16, after.bandwidth_gb_s);
}

MemoryBeside::MemoryBeside(const Runtime& runtime)
    : runtime_(runtime), last_(measure_bandwidth(runtime, kBeside)) {}

double MemoryBeside::around() {
  const double before = last_;
  last_ = measure_bandwidth(runtime_, kBeside);
  return std::max(before, last_);
}

std::optional<double> BenchResult::percent_of_peak(const Peaks& peaks) const {
  if (bound == Bound::none) return {};
  const double percent = 100 * rate / (share_of_machine * peak_of(bound, peaks));
  // A cache may serve faster than memory, but nothing multiplies faster than it can.
  if (bound != Bound::bandwidth && !(percent <= 100)) return {};
  return percent;
}

double BenchResult::peak_of(Bound which, const Peaks& peaks) const {
  const bool beside = which == Bound::bandwidth && bandwidth_gb_s > 0;
  return beside ? bandwidth_gb_s : peaks.of(which);
}

std::optional<Roofline> BenchResult::roofline(const Peaks& peaks) const {
  if (work.flops <= 0 && work.bytes <= 0) return {};
  const Bound products = bound == Bound::gemm_bf16 ? bound : Bound::gemm_f32;
  const double arithmetic = work.flops / (1e9 * share_of_machine * peak_of(products, peaks));
  const double memory = work.bytes / (1e9 * peak_of(Bound::bandwidth, peaks));
  return Roofline{std::max(arithmetic, memory), memory > arithmetic};
}

}  // namespace weft::cli
