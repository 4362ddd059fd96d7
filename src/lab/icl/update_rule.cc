#include "lab/icl/update_rule.h"

#include <algorithm>
#include <cmath>

namespace weft::icl {
namespace {

double norm(std::span<const double> x) {
  double sum = 0;
  for (const double v : x) sum += v * v;
  return std::sqrt(sum);
}

double sign(double x) {
  return x > 0 ? 1.0 : x < 0 ? -1.0 : 0.0;
}

}  // namespace

double clip_norm(std::span<double> gradient, double clip) {
  const double before = norm(gradient);
  if (clip > 0 && before > clip) {
    for (double& g : gradient) g *= clip / before;
  }
  return before;
}

double rate_at(const Training& training, int64_t step) {
  if (training.halve_every == 0) return training.lr;
  const int64_t halvings = std::min<int64_t>(step / training.halve_every, 2000);
  return std::ldexp(training.lr, -static_cast<int>(halvings));
}

UpdateRule::UpdateRule(const Training& training, int64_t parameters)
    : training_(training), first_(static_cast<size_t>(parameters)) {
  const bool adam = training.optimizer == Optimizer::adam || training.optimizer == Optimizer::adamw;
  if (adam) second_.resize(first_.size());
}

void UpdateRule::adam(std::span<double> theta, std::span<const double> gradient,
                      double lr) noexcept {
  const Training& t = training_;
  const auto steps = static_cast<double>(steps_);
  const double share1 = 1 / (1 - std::pow(t.beta1, steps));
  const double share2 = 1 / (1 - std::pow(t.beta2, steps));
  const bool decoupled = t.optimizer == Optimizer::adamw;
  const double keep = decoupled ? 1 - lr * t.weight_decay : 1;
  const double pull = decoupled ? 0 : t.weight_decay;
  for (size_t i = 0; i < theta.size(); ++i) {
    const double g = gradient[i] + pull * theta[i];
    double& m = first_[i];
    double& s = second_[i];
    m = t.beta1 * m + (1 - t.beta1) * g;
    s = t.beta2 * s + (1 - t.beta2) * g * g;
    theta[i] *= keep;
    if (m != 0) theta[i] -= lr * (m * share1) / (std::sqrt(s * share2) + t.eps);
  }
}

void UpdateRule::apply(std::span<double> theta, std::span<const double> gradient,
                       double lr) noexcept {
  ++steps_;
  const Training& t = training_;
  if (t.optimizer == Optimizer::adam || t.optimizer == Optimizer::adamw) {
    return adam(theta, gradient, lr);
  }
  double scale = 1;
  if (t.optimizer == Optimizer::normalised) {
    const double length = norm(gradient);
    scale = length > 0 ? 1 / length : 0;
  }
  const bool by_sign = t.optimizer == Optimizer::sign;
  for (size_t i = 0; i < theta.size(); ++i) {
    double& v = first_[i];
    v = t.momentum * v + (gradient[i] * scale + t.weight_decay * theta[i]);
    theta[i] -= lr * (by_sign ? sign(v) : v);
  }
}

}  // namespace weft::icl
