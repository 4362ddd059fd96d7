#include "lab/icl/instruments.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace weft::icl {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double norm(std::span<const double> v) {
  return std::sqrt(std::inner_product(v.begin(), v.end(), v.begin(), 0.0));
}

}  // namespace

bool holds(const std::vector<int64_t>& steps, int64_t step) {
  return std::find(steps.begin(), steps.end(), step) != steps.end();
}

std::vector<NamedMatrix> matrices_of(const ParameterLayout& layout, std::span<const double> theta) {
  std::vector<NamedMatrix> out;
  for (const ParameterBlock& b : layout.blocks) {
    const auto from = theta.begin() + b.offset;
    out.push_back({b.name, b.rows, b.cols, std::vector<double>(from, from + b.size())});
  }
  return out;
}

Instruments::Instruments(const Setting& setting, const MeasurePlan& plan, const Runtime& runtime)
    : setting_(setting),
      plan_(plan),
      batch_(evaluation_batch(setting, runtime.isa)),
      surface_(setting.model, {batch_.layout(), batch_.count(), batch_.numbers()}, runtime),
      objective_(setting, runtime) {}

void Instruments::look(int64_t step, std::span<const double> theta, MeasuredRun& run) {
  if (holds(plan_.condition_at, step)) run.condition.push_back({step, condition(theta)});
  if (holds(plan_.noise_at, step)) run.noise.push_back({step, noise(step, theta)});
  if (holds(plan_.distances_at, step)) add_distances(step, theta, run);
}

SmoothnessPoint Instruments::follow(int64_t step, std::span<const double> before,
                                    std::span<const double> after) const {
  std::vector<double> u(before.size());
  for (size_t i = 0; i < u.size(); ++i) u[i] = after[i] - before[i];
  const double length = norm(u);
  SmoothnessPoint point{step, norm(surface_.at(before).gradient), kNan, kNan};
  if (length > 0) {
    for (double& x : u) x /= length;
    point.curvature = surface_.along(before, u).second;
  }
  if (plan_.lambda_every > 0 && step % plan_.lambda_every == 0) {
    point.lambda_max = condition(before).lambda_max;
  }
  return point;
}

Condition Instruments::condition(std::span<const double> theta) const {
  const Eigen::MatrixXd h = surface_.hessian(theta);
  return condition_of({h.data(), static_cast<size_t>(h.size())}, surface_.layout().dead);
}

GradientNoise Instruments::noise(int64_t step, std::span<const double> theta) {
  const Training& t = setting_.training;
  const auto p = static_cast<size_t>(objective_.parameters());
  std::vector<double> gradient(p), draws(p * static_cast<size_t>(plan_.noise_draws));
  // Other prompts at every step that is looked at, and none that were trained on.
  const auto first = step * plan_.noise_draws;
  objective_.gradient({t.seed, Purpose::population, step}, plan_.noise_reference, theta, gradient);
  for (int64_t i = 0; i < plan_.noise_draws; ++i) {
    objective_.gradient({t.seed, Purpose::noise, first + i}, t.batch, theta,
                        std::span(draws).subspan(static_cast<size_t>(i) * p, p));
  }
  GradientNoise noise =
      noise_of(draws, gradient, surface_.layout().dead, static_cast<uint64_t>(t.seed));
  noise.batch = t.batch;
  noise.reference = plan_.noise_reference;
  return noise;
}

void Instruments::add_distances(int64_t step, std::span<const double> theta,
                                MeasuredRun& run) const {
  DistancePoint point{step, {}};
  run.distance_names.clear();
  const ParameterLayout& layout = surface_.layout();
  for (const NamedMatrix& m : matrices_of(layout, theta)) {
    const auto from = layout.dead.begin() + layout.at(m.name).offset;
    const bool dead =
        std::all_of(from, from + m.rows * m.columns, [](uint8_t d) { return d == 1; });
    // What no loss can feel stays what it was.
    if (m.rows < 2 || m.rows != m.columns || dead) continue;
    run.distance_names.push_back(m.name);
    point.distances.push_back(identity_distance(whitened(m, setting_.law)));
  }
  run.distances.push_back(std::move(point));
}

}  // namespace weft::icl
