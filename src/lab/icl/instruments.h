// What looks at the parameters of a run while it is trained.
#pragma once

#include <span>
#include <vector>

#include "lab/icl/batch.h"
#include "lab/icl/layout.h"
#include "lab/icl/loss_surface.h"
#include "lab/icl/objective.h"
#include "lab/icl/record.h"

namespace weft::icl {

bool holds(const std::vector<int64_t>& steps, int64_t step);

/// All parameters by name.
std::vector<NamedMatrix> matrices_of(const ParameterLayout& layout, std::span<const double> theta);

/// Everything of a plan that is no loss. Setting and plan must outlive it.
class Instruments {
 public:
  Instruments(const Setting& setting, const MeasurePlan& plan, const Runtime& runtime);

  /// What the plan wants at the parameters before a step, into the run.
  void look(int64_t step, std::span<const double> theta, MeasuredRun& run);
  /// Of the step from `before` to `after`.
  SmoothnessPoint follow(int64_t step, std::span<const double> before,
                         std::span<const double> after) const;

 private:
  Condition condition(std::span<const double> theta) const;
  GradientNoise noise(int64_t step, std::span<const double> theta);
  void add_distances(int64_t step, std::span<const double> theta, MeasuredRun& run) const;

  const Setting& setting_;
  const MeasurePlan& plan_;
  PromptBatch batch_;
  LossSurface surface_;
  Objective objective_;
};

}  // namespace weft::icl
