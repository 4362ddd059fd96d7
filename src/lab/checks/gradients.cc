// Gradients against central differences of the loss, in f64.
#include <fmt/format.h>

#include <cmath>

#include "base/random.h"
#include "lab/checks/check.h"

namespace weft::checks {
namespace {

constexpr double kLimit = 1e-6;
/// The first step is the most exact. Where a kink of the mechanism (relu) lies within it, smaller
/// ones miss the kink; a wrong gradient stays wrong at every step.
constexpr double kSteps[] = {1e-5, 1e-6, 1e-7};
/// Tensors of so few elements are taken element by element: a gain of a wiring must not hide behind
/// its neighbours.
constexpr int64_t kFew = 4;

Tensor random_direction(const ParameterSpec& spec) {
  Tensor d(DType::f64, spec.shape);
  const Random random(13, spec.name);
  for (int64_t i = 0; i < d.numel(); ++i) {
    d.as<double>()[i] = random.normal(static_cast<uint64_t>(i));
  }
  return d;
}

/// The directions along which one tensor is moved.
std::vector<Tensor> directions(const ParameterSpec& spec) {
  std::vector<Tensor> list;
  if (spec.shape.numel() > kFew) {
    list.push_back(random_direction(spec));
    return list;
  }
  for (int64_t i = 0; i < spec.shape.numel(); ++i) {
    list.emplace_back(DType::f64, spec.shape);
    list.back().as<double>()[i] = 1;
  }
  return list;
}

double dot(const Tensor& a, const Tensor& b) {
  double s = 0;
  for (int64_t i = 0; i < a.numel(); ++i) s += get(a.view(), i) * get(b.view(), i);
  return s;
}

double loss_moved(const Subject& s, Runner& evaluate, const TensorView& weights,
                  const Tensor& direction, double by) {
  const Tensor before = convert(weights, DType::f64);
  for (int64_t i = 0; i < direction.numel(); ++i) {
    weights.as<double>()[i] += by * direction.as<double>()[i];
  }
  evaluate.run(s.tokens, kTime);
  const double loss = evaluate.loss();
  for (int64_t i = 0; i < direction.numel(); ++i) weights.as<double>()[i] = before.as<double>()[i];
  return loss;
}

}  // namespace

Result gradients(const Subject& s) {
  Parameters p = s.weights(DType::f64);
  Runner train = s.runner(p, {.mode = Mode::train});
  Runner evaluate = s.runner(p, {.mode = Mode::evaluate});
  train.run(s.tokens, kTime);
  evaluate.run(s.tokens, kTime);
  if (!(std::abs(train.loss() - evaluate.loss()) <= 1e-13 * std::abs(evaluate.loss()))) {
    return {train.loss(), evaluate.loss(), false, false,
            "the loss of training is not that of evaluation"};
  }
  double worst = 0;
  std::string where;
  for (int i = 0; i < p.count(); ++i) {
    for (const Tensor& d : directions(p.spec(i))) {
      const Tensor& gradient = train.gradient(i);
      const double got = dot(gradient, d);
      // Relative to the gradient; the rounding of the loss in a difference quotient is below 1e-9.
      const double scale = std::sqrt(dot(gradient, gradient) * dot(d, d)) + 1e-3;
      double error = 0, want = 0;
      for (const double step : kSteps) {
        const auto loss = [&](double by) { return loss_moved(s, evaluate, p.master(i), d, by); };
        want = (loss(step) - loss(-step)) / (2 * step);
        error = std::abs(got - want) / scale;
        if (error <= kLimit) break;
      }
      if (error <= worst) continue;
      worst = error;
      where = fmt::format("worst in {}: {:.9g} along a direction, expected {:.9g}", p.spec(i).name,
                          got, want);
      if (!std::isfinite(error)) return within(error, kLimit, where);
    }
  }
  return within(worst, kLimit, where);
}

}  // namespace weft::checks
