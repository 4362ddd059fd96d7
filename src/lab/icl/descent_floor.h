// What L steps of gradient descent can reach: the exact floor of networks whose first blocks are
// zero (B = 0, Q_l = -a_l I), on Gaussian covariates.
#pragma once

#include <cstdint>
#include <vector>

#include "lab/icl/quad.h"

namespace weft::icl {

/// The most steps whose floor is computed: moments to twice their number are needed.
inline constexpr int kMaxFloorSteps = 13;

struct DescentFloor {
  double loss = 0;
  /// [steps] the a_l, largest first; their order does not matter. Empty where the roots of the best
  /// polynomial are complex: no steps reach its loss then, and it is a bound.
  std::vector<double> rates;
};

/// The best polynomial p of degree `steps` with p(0) = 1 under E tr p(G)^2, x ~ N(0, I_d), w ~ N(0,
/// I_d), `noise` the variance of label noise on the context, which adds (noise / n) E tr r(G)^2 G,
/// r = (1 - p) / lambda. 1 / a_l are the roots of p, real where there is no noise. Throws
/// Error(config) where steps is not in 1 to kMaxFloorSteps.
DescentFloor descent_floor(int64_t d, int64_t n, int steps, double noise = 0);

/// The same for one layer looped `steps` times: all a_l alike.
DescentFloor tied_descent_floor(int64_t d, int64_t n, int steps, double noise = 0);

/// The exact loss of any rates: E tr prod_l (1 - a_l G)^2 and the noise term.
double descent_loss(int64_t d, int64_t n, const std::vector<double>& rates, double noise = 0);

}  // namespace weft::icl
