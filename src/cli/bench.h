// Benchmarks: checked first, then timed, beside peaks measured in the same run.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "cli/bench_recorded.h"
#include "cli/console.h"
#include "ops/kernel.h"
#include "ops/op.h"
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

/// The least time that the peaks allow for a run's work, and which of the two sets it.
struct Roofline {
  double seconds = 0;
  bool memory = false;  ///< otherwise arithmetic
};

/// Where a row stands in a figure of scaling.
struct Plotted {
  std::string figure, line;
  double x = 0, y = 0;
};

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
  Cost work = {};          ///< of one run; what is 0 is not known
  std::string bench = {};  ///< which one measured it; the frame fills it in
  std::optional<Plotted> plotted = {};
  double share_of_machine = 1;  ///< of the peak of its bound: 1 / threads for a row of one core
  double bandwidth_gb_s = 0;    ///< measured beside the row; 0: only that of the run is known

  /// What the whole machine reaches, as far as the row knows.
  double peak_of(Bound which, const Peaks& peaks) const;
  /// None where there is no bound, or where products are faster than the peak, which is not known
  /// then.
  std::optional<double> percent_of_peak(const Peaks& peaks) const;
  /// None where neither FLOPs nor bytes are known. FLOPs are held against the products of the type
  /// that the result is held against, f32 where it is held against memory.
  std::optional<Roofline> roofline(const Peaks& peaks) const;
};

/// The fastest products among the results: no peak can be lower.
Peaks reached(const std::vector<BenchResult>& results);
/// True where products were faster than the peaks.
bool exceeds(const Peaks& rates, const Peaks& peaks);

/// True where the name has one of the parts in it, or there are none.
bool has_part(const std::string& name, const std::vector<std::string>& parts);

struct BenchContext {
  const Console& console;
  Runtime runtime;
  bool all = false;                       ///< more designs
  bool long_text = false;                 ///< also T = 32768 with recomputation
  std::vector<std::string> designs = {};  ///< to compare with the transformer; empty: all
  int64_t time = 512, batch = 8;          ///< at which they are
  bool profile = false;                   ///< train: every kind of work instead of whole steps
  Peaks peaks = {};                       ///< measured before
  std::vector<std::string> only = {};     ///< parts of names; empty: every row
  /// attention: of a trained model, to stop early by; null: none.
  const std::vector<RecordedLayer>* recorded = nullptr;
  bool listing = false;  ///< rows are counted and not measured: wanted() is false
  std::function<void(const std::string& row)> begin = {};  ///< hears of every row that is wanted

  /// To be asked before a row, or several that are measured at once and differ in their endings, is
  /// set up: true where it should be measured.
  bool wanted(const std::string& row, std::initializer_list<std::string_view> endings = {""}) const;
  /// require_ok() of these rows, unless rows are only counted.
  void check(const std::function<std::vector<KernelRow>()>& rows) const;
};

struct Timing {
  double median = 0, spread = 0;  ///< seconds; interquartile range / median
  int runs = 0;
};
/// Runs f once unmeasured (unless `cold`), then until `seconds` are over, at least `least` times.
Timing time_runs(const std::function<void()>& f, double seconds, int least, bool cold = false);
/// The first of two things that are run in turn, and the median of its time over the other's of the
/// same turn, which a drifting clock leaves alone.
struct TurnTiming {
  Timing timing;
  double ratio = 0;
};
TurnTiming time_in_turn(const std::function<void()>& f, const std::function<void()>& other,
                        double seconds, int least);
/// A result with its timing.
BenchResult timed(std::string name, const Timing& timing);
/// And with the rate of so many FLOPs a run, held against the products of a type.
BenchResult timed(std::string name, const Timing& timing, double flops, DType type);
/// The same, with the bytes that it moves.
BenchResult timed(std::string name, const Timing& timing, const Cost& work, DType type);
/// And with the rate of so many bytes a run, held against the memory measured beside it.
BenchResult timed_memory(std::string name, const Timing& timing, const Cost& work,
                         double bandwidth_gb_s);
/// Memory beside rows: on a shared machine it may be half as fast a minute later.
class MemoryBeside {
 public:
  explicit MemoryBeside(const Runtime& runtime);
  /// Measures again; the larger of this time and the time before, in GB/s.
  double around();

 private:
  const Runtime& runtime_;
  double last_;
};

/// Throws Error(runtime) unless every kernel that this machine runs agrees with its reference.
void require_ok(const std::vector<KernelRow>& rows);

std::vector<BenchResult> bench_gemm(const BenchContext& context);
std::vector<BenchResult> bench_attention(const BenchContext& context);
std::vector<BenchResult> bench_ops(const BenchContext& context);
std::vector<BenchResult> bench_train(const BenchContext& context);
std::vector<BenchResult> bench_designs(const BenchContext& context);
std::vector<BenchResult> bench_scaling(const BenchContext& context);
std::vector<BenchResult> bench_decode(const BenchContext& context);
std::vector<BenchResult> bench_icl(const BenchContext& context);

}  // namespace weft::cli
