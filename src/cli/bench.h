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

/// What a rate is held against: the best matrix products of a type, or reading memory.
enum class Bound : uint8_t { none, gemm_f32, gemm_bf16, bandwidth };
constexpr Bound gemm_bound(DType type) {
  return type == DType::bf16 ? Bound::gemm_bf16 : Bound::gemm_f32;
}

/// What the machine reaches, measured.
struct Peaks {
  double gflops_f32 = 0, gflops_bf16 = 0;
  double bandwidth_gb_s = 0;

  /// The rate of a bound that exists, in GFLOP/s or GB/s.
  double of(Bound bound) const;
};
Peaks measure_peaks(const Runtime& runtime);
/// Of two measurements the larger: something else may have had the machine in one of them.
Peaks larger(const Peaks& a, const Peaks& b);
/// "" where they agree within 10%; otherwise a line that says by how much they do not.
std::string busy_note(const Peaks& before, const Peaks& after);

struct BenchResult {
  std::string name;
  double seconds = 0;  ///< median of the runs
  double spread = 0;   ///< (third quartile - first quartile) / median
  int runs = 0;
  std::optional<double> gflops, tokens_per_second;
  Bound bound = Bound::none;
  double rate = 0;                   ///< in the unit of the bound
  bool is_training = false;          ///< the share of the peak is the model's utilisation
  std::optional<double> ratio = {};  ///< of the time of what it is compared with
  std::string note = {};

  std::optional<double> percent_of_peak(const Peaks& peaks) const;
};

struct BenchContext {
  const Console& console;
  Runtime runtime;
  bool all = false;                       ///< more designs
  bool long_text = false;                 ///< also T = 32768 with recomputation
  std::vector<std::string> designs = {};  ///< to compare with the transformer; empty: all
  int64_t time = 512, batch = 8;          ///< at which they are
  bool profile = false;                   ///< train: every kind of work instead of whole steps
  Peaks peaks = {};                       ///< measured before
};

struct Timing {
  double median = 0, spread = 0;  ///< seconds; interquartile range / median
  int runs = 0;
};
/// Runs f once unmeasured (unless `cold`), then until `seconds` are over, at least `least` times.
Timing time_runs(const std::function<void()>& f, double seconds, int least, bool cold = false);
/// A result with its timing.
BenchResult timed(std::string name, const Timing& timing);
/// And with the rate of so many FLOPs a run, held against the products of a type.
BenchResult timed(std::string name, const Timing& timing, double flops, DType type);

/// Throws Error(runtime) unless every kernel that this machine runs agrees with its reference.
void require_ok(const std::vector<KernelRow>& rows);

std::vector<BenchResult> bench_gemm(const BenchContext& context);
std::vector<BenchResult> bench_attention(const BenchContext& context);
std::vector<BenchResult> bench_train(const BenchContext& context);
std::vector<BenchResult> bench_designs(const BenchContext& context);
std::vector<BenchResult> bench_decode(const BenchContext& context);

}  // namespace weft::cli
