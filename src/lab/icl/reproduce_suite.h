// The runs behind a reproduction of arXiv 2310.01082: which settings, for how long, and what the
// microscope looks at on the way.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "lab/icl/record.h"

namespace weft::icl {

enum class Scale : uint8_t {
  smoke,   ///< seconds: everything once, nothing to believe
  laptop,  ///< minutes: the paper's lengths but for softmax, and no model of d 20
  paper    ///< all of it, with finer grids
};

struct Job {
  std::string group;
  Setting setting;
  MeasurePlan plan;
};
/// Floating-point operations, roughly: which job is to begin first, and the time that is left.
struct JobCost {
  double prompt = 0;   ///< one prompt there and back in training
  double step = 0;     ///< of training
  double hessian = 0;  ///< of the evaluation batch
  double follow = 0;   ///< gradient and curvature along one step
  double noise = 0;    ///< all draws at one step
  double total = 0;
};
JobCost cost_of(const Setting& setting, const MeasurePlan& plan);

/// What a scale means.
struct SuiteSizes {
  int64_t seeds, nonlinear_seeds, deep_seeds;
  int64_t steps, depth_steps, softmax_steps, nonlinear_steps, tuning_steps;
  int64_t batch, eval_batch, eval_every;
  int64_t noise_draws, noise_reference, smoothness_steps;
  std::vector<int64_t> condition_at, depth_condition_at, noise_at;
  std::vector<double> rates;  ///< tried where the paper gives none
};
SuiteSizes sizes_of(Scale scale);

/// Short runs, one seed, over the rates: for the models whose best rates are not published (depth,
/// scores). Group: "L4/adam".
std::vector<Job> tuning_jobs(Scale scale);
/// The clipped loss over the last quarter of the evaluations; infinite where a run broke down.
double tuning_score(const MeasuredRun& run);
/// Group to rate: the least score of these runs.
std::map<std::string, double> best_rates(std::span<const MeasuredRun> runs);
/// The runs themselves. Groups: SETTING/OPTIMISER with default, few, heavy, sphere, L2 .. L8,
/// full, softmax, softmax-undivided, nonlinear, deep, preconditioned.
std::vector<Job> suite_jobs(Scale scale, const std::map<std::string, double>& rates);

}  // namespace weft::icl
