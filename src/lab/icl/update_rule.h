// How parameters follow a gradient: the optimisers of the lab, all in float64 on a flat vector.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lab/icl/setting.h"

namespace weft::icl {

/// g times min(1, clip / ||g||), in place; clip 0: as it is. Returns ||g|| before.
double clip_norm(std::span<double> gradient, double clip);

/// With g the (clipped) gradient, from zero states (arXiv 2310.01082, section 3):
///   sgd         v <- momentum v + g;  theta <- theta - lr v
///   adam        m <- beta1 m + (1 - beta1) g;  s <- beta2 s + (1 - beta2) g^2;
///               theta <- theta - lr m^ / (sqrt(s^) + eps), m^ = m / (1 - beta1^t), s^ alike
///   adamw       the same behind theta <- (1 - lr weight_decay) theta
///   sign        v <- momentum v + g;  theta <- theta - lr sign(v), sign(0) = 0
///   normalised  v <- momentum v + g / ||g||;  theta <- theta - lr v
/// All but adamw add weight_decay theta to g.
class UpdateRule {
 public:
  UpdateRule(const Training& training, int64_t parameters);
  /// One step. theta and gradient [parameters].
  void apply(std::span<double> theta, std::span<const double> gradient, double lr) noexcept;

 private:
  void adam(std::span<double> theta, std::span<const double> gradient, double lr) noexcept;

  Training training_;
  int64_t steps_ = 0;
  std::vector<double> first_, second_;  // [parameters] velocity or mean; mean of squares
};

/// The rate before step `step` (from 0): lr halved every halve_every steps.
double rate_at(const Training& training, int64_t step);

}  // namespace weft::icl
