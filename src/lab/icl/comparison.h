// A trained model beside the gradient descent that it could be (2212.07677).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>

#include "lab/icl/construction.h"
#include "lab/icl/setting.h"

namespace weft::icl {

struct DescentComparison {
  /// [layers] steps of gradient descent with the least loss over all prompts: layer l preconditions
  /// by steps[l], a multiple of Sigma^-1 where there are several, the minimum of the form where
  /// there is one.
  std::vector<Matrix> steps;
  Agreement agreement;  ///< of the model with these steps, over prompts of a seed of its own
  /// Of models of one head a layer; the last layer's B, which nothing depends on, is left out.
  std::optional<GdppReading> reading;
};

/// None where the best steps are not known or the model has other than linear scores: theta is the
/// parameters of setting.model, `prompts` how many of setting.law are averaged over.
std::optional<DescentComparison> compare_with_descent(const Setting& setting,
                                                      std::span<const double> theta,
                                                      uint64_t prompts);

/// {"prediction_difference", "model_difference", "cosine", "prompts", "step_sizes": [..],
/// "reading": {"a", "b", "distance_q", "distance_b"}}; step_sizes are tr(Sigma steps[l]) / d. Null
/// where there is no comparison.
nlohmann::json comparison_of(const Setting& setting, std::span<const double> theta);

}  // namespace weft::icl
