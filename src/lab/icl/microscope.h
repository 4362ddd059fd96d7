// Trains a setting and measures on the way: the gradient noise, the Hessian, the smoothness along
// each step, and the matrices (arXiv 2310.01082, section 3).
#pragma once

#include <atomic>
#include <functional>
#include <span>
#include <vector>

#include "lab/icl/record.h"
#include "lab/icl/reproduce_suite.h"
#include "runtime/runtime.h"

namespace weft::icl {

struct MeasureObserver {
  std::function<void(const CurvePoint&)> on_point = {};  ///< every evaluation
  std::function<void(double share)> on_progress = {};    ///< share of the work done, increasing
};

/// Deterministic: the same numbers whatever the threads and the instruction set. `group` stays
/// empty. Throws Error(config) where the setting cannot be trained, Error(runtime) where the
/// parameters stop being finite numbers. Ends early, with `stopped`, once `stop` says so.
MeasuredRun measure(const Setting& setting, const MeasurePlan& plan, const Runtime& runtime,
                    const MeasureObserver& observer = {}, const std::function<bool()>& stop = {});

/// The losses of many fresh prompts.
struct SampledLoss {
  int64_t prompts = 0, skipped = 0;  ///< drawn; left out of them, their error was not finite
  /// NaN where every prompt is left out.
  double mean = 0, standard_error = 0, median = 0, clipped_mean = 0;
  bool stopped = false;  ///< nothing above counts
};
/// Called from any thread, one call at a time.
struct SampledLossObserver {
  std::function<void(double share)> on_progress = {};  ///< share of the prompts, increasing
  const std::atomic<bool>* stop = nullptr;
};
/// Floating-point operations of sampled_loss(), as cost_of() counts them.
double sampled_loss_cost(const Setting& setting, int64_t shared);
/// Prompts that no training and no evaluation sees, in float64: about a million, fewer where a
/// prompt is dear or where they are `shared` by many runs, at least 32768. The same numbers
/// whatever the threads.
SampledLoss sampled_loss(const Setting& setting, std::span<const double> theta,
                         const Runtime& runtime, int64_t shared = 1,
                         const SampledLossObserver& observer = {});

/// Of many runs; called from any thread, one call at a time.
struct JobObserver {
  std::function<void(size_t job, const CurvePoint&)> on_point = {};
  std::function<void(double share)> on_progress = {};  ///< of the work of all, increasing
};
/// All jobs, one a thread, the costliest first; results in the order of the jobs. A run whose
/// parameters stop being numbers is cut short there. Stopped jobs are marked. Throws what an
/// observer throws.
std::vector<MeasuredRun> run_jobs(std::span<const Job> jobs, const Runtime& runtime,
                                  const JobObserver& observer = {},
                                  const std::atomic<bool>* stop = nullptr);

}  // namespace weft::icl
