// Benchmarks: checked first, then timed, beside peaks measured in the same run.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "cli/console.h"
#include "ops/kernel.h"
#include "runtime/runtime.h"

namespace weft::cli {

/// What the machine reaches, measured.
struct Peaks {
  double gflops_f32 = 0, gflops_bf16 = 0;
  double bandwidth_gb_s = 0;

  double gflops(DType type) const { return type == DType::bf16 ? gflops_bf16 : gflops_f32; }
};

struct BenchResult {
  std::string name;
  double seconds = 0;  ///< median of the runs
  double spread = 0;   ///< (third quartile - first quartile) / median
  int runs = 0;
  std::optional<double> gflops, percent_of_peak, tokens_per_second, mfu;
  std::string note = {};
};

struct BenchContext {
  const Console& console;
  Runtime runtime;
  Peaks peaks;
  bool all = false;        ///< more designs
  bool long_text = false;  ///< also T = 32768 with recomputation
};

struct Timing {
  double median = 0, spread = 0;  ///< seconds; interquartile range / median
  int runs = 0;
};
/// Runs f once unmeasured (unless `cold`), then until `seconds` are over, at least `least` times.
Timing time_runs(const std::function<void()>& f, double seconds, int least, bool cold = false);
/// A result with its timing, and its rate where `flops` > 0.
BenchResult timed(std::string name, const Timing& timing, double flops, double peak_gflops);

/// Throws Error(runtime) unless every kernel that this machine runs agrees with its reference.
void require_ok(const std::vector<KernelRow>& rows);

std::vector<BenchResult> bench_gemm(const BenchContext& context);
std::vector<BenchResult> bench_attention(const BenchContext& context);
std::vector<BenchResult> bench_train(const BenchContext& context);
std::vector<BenchResult> bench_decode(const BenchContext& context);

}  // namespace weft::cli
