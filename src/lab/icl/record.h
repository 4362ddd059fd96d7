// A measured run of the optimisation lab: its loss curve and what the microscope saw on the way.
// Plain data, and its JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lab/icl/measure.h"
#include "lab/icl/setting.h"

namespace weft::icl {

/// What to measure beside the loss, always at the parameters before that step; steps past the last
/// one are left out.
struct MeasurePlan {
  std::vector<int64_t> condition_at, noise_at, distances_at;
  int64_t noise_draws = 10000, noise_reference = 100000;  ///< draws of g_B; prompts in g
  int64_t smoothness_steps = 0;                           ///< follow every step up to this one
  int64_t lambda_every = 20;  ///< steps between largest eigenvalues on that way; 0: none

  bool operator==(const MeasurePlan&) const = default;
};

/// The evaluation batch before a step.
struct CurvePoint {
  int64_t step = 0;
  double loss = 0, median = 0,
         clipped_mean = 0;   ///< over its prompts; clipped at the 99 % quantile
  double gradient_norm = 0;  ///< of the training batch of that step, before clipping
  double lr = 0;
  int64_t skipped = 0;  ///< prompts left out so far because their error was not finite
  double seconds = 0;   ///< since the run began
};
struct ConditionPoint {
  int64_t step = 0;
  Condition condition;
};
struct NoisePoint {
  int64_t step = 0;
  GradientNoise noise;
};
/// identity_distance() of every square matrix, whitened.
struct DistancePoint {
  int64_t step = 0;
  std::vector<double> distances;  ///< as many as there are names
};

struct MeasuredRun {
  std::string group;  ///< what it belongs to: "default/adam"
  Setting setting;    ///< with its seed
  std::vector<CurvePoint> curve;
  std::vector<ConditionPoint> condition;
  std::vector<NoisePoint> noise;
  std::optional<Smoothness> smoothness;
  std::vector<std::string> distance_names;
  std::vector<DistancePoint> distances;
  std::vector<double> theta;          ///< at the end
  std::vector<NamedMatrix> matrices;  ///< the same by name
  int64_t skipped = 0;
  double seconds = 0;
  bool stopped = false;  ///< before its last step
  /// The step behind which nothing was left to train: no prompt of its batch had a finite loss, or
  /// the parameters were no finite numbers any more. -1: the run was not lost.
  int64_t lost_at = -1;

  /// The curve's value before a step; NaN where it was not evaluated.
  double loss_at(int64_t step) const;
  /// Null where nothing was measured before that step.
  const Condition* condition_at(int64_t step) const;
  /// The first evaluated step whose loss is at most this; -1: none.
  int64_t steps_to(double loss) const;
};

nlohmann::json to_json(const TailStatistics& tail);
nlohmann::json to_json(const GradientNoise& noise);
nlohmann::json to_json(const Condition& condition);
nlohmann::json to_json(const Smoothness& smoothness);
nlohmann::json to_json(const CurvePoint& point);
/// {"layers.0.Q": [[..], ..]}
nlohmann::json to_json(std::span<const NamedMatrix> matrices);
/// {"mean", "deviation", "ci95": [low, high], "seeds": [..]}; what is unknown is null.
nlohmann::json to_json_over_seeds(std::span<const double> values);
nlohmann::json to_json(const MeasuredRun& run);

}  // namespace weft::icl
