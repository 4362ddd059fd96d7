#include "lab/icl/comparison.h"

#include <nlohmann/json.hpp>

#include "lab/icl/descent_floor.h"
#include "lab/icl/draw.h"
#include "lab/icl/floor.h"

namespace weft::icl {
namespace {

constexpr uint64_t kPrompts = 1000;
constexpr uint64_t kSeed = 2212;  // of prompts that no training draws: another sampler's

/// The a_l of the best steps in coordinates in which the covariates are white; empty: not known.
std::vector<double> best_rates(const Setting& s) {
  const auto layers = static_cast<int>(s.model.layers);
  if (s.model.layers > kMaxFloorSteps || !is_standard(s)) return {};
  const double noise = noise_variance(s.law);
  return s.model.tied ? tied_descent_floor(s.law.d, s.law.n, layers, noise).rates
                      : descent_floor(s.law.d, s.law.n, layers, noise).rates;
}

std::vector<Matrix> best_steps(const Setting& s) {
  if (s.model.layers == 1) {
    const Population p = population_of(s.law);
    const bool multiples = s.model.form == Form::gdpp || s.model.form == Form::diag4;
    return {-(multiples ? closed_minimiser_scalar(p) : closed_minimiser(p))};
  }
  const Matrix inverse = covariance_of(s.law).inverse();
  std::vector<Matrix> steps;
  for (const double a : best_rates(s)) steps.push_back(a * inverse);
  return steps;
}

GdppReading reading_of(const Setting& s, const reference::Model& model) {
  GdppReading reading = read_as_gdpp(model, covariance_of(s.law));
  reading.b.pop_back();
  reading.distance_b.pop_back();
  return reading;
}

}  // namespace

std::optional<DescentComparison> compare_with_descent(const Setting& s,
                                                      std::span<const double> theta,
                                                      uint64_t prompts) {
  if (s.model.scores != Scores::linear || s.model.hidden > 0 || s.law.teacher != Teacher::linear) {
    return {};
  }
  DescentComparison c;
  c.steps = best_steps(s);
  if (c.steps.empty()) return {};
  const reference::Model model = reference::model_of(s.model, s.law.d, theta);
  std::vector<reference::Prompt> drawn;
  const reference::Draw draw(s.law, kSeed);
  for (uint64_t i = 0; i < prompts; ++i) drawn.push_back(draw(i).prompt);
  c.agreement =
      agreement([&](const reference::Prompt& p) { return implied_weights(model, p); },
                [&](const reference::Prompt& p) { return descent_weights(p, c.steps); }, drawn);
  if (s.model.heads == 1) c.reading = reading_of(s, model);
  return c;
}

nlohmann::json comparison_of(const Setting& s, std::span<const double> theta) {
  const std::optional<DescentComparison> c = compare_with_descent(s, theta, kPrompts);
  if (!c) return nullptr;
  std::vector<double> sizes;
  const Matrix sigma = covariance_of(s.law);
  for (const Matrix& step : c->steps) {
    sizes.push_back((sigma * step).trace() / static_cast<double>(s.law.d));
  }
  nlohmann::json j{{"prediction_difference", c->agreement.prediction_difference},
                   {"model_difference", c->agreement.model_difference},
                   {"cosine", c->agreement.cosine},
                   {"prompts", kPrompts},
                   {"step_sizes", sizes}};
  if (c->reading) {
    j["reading"] = {{"a", c->reading->a},
                    {"b", c->reading->b},
                    {"distance_q", c->reading->distance_q},
                    {"distance_b", c->reading->distance_b}};
  }
  return j;
}

}  // namespace weft::icl
