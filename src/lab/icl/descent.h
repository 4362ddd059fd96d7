// Gradient descent and heavy ball on the exact one-layer loss, step by step: trajectories and the
// rates at which they burst.
#pragma once

#include <vector>

#include "lab/icl/population.h"

namespace weft::icl {

struct Descent {
  std::vector<Matrix> q;     ///< [steps + 1] each [d, d], from Q = 0
  std::vector<double> loss;  ///< [steps + 1]
  /// The gradient at the end is larger than at the start: the rate is beyond the threshold. Needs
  /// enough steps to tell; 2000 do at 1 % from it.
  bool diverged = false;
};

/// v <- momentum v + gradient; Q <- Q - rate v, on the exact gradient.
Descent descend(const Population& p, double rate, double momentum, int64_t steps);

/// Plain descent from Q = 0 in closed form, in the eigenbases of gram and query: after t steps the
/// distance to the minimum shrinks by (1 - 2 rate mu_i nu_j)^t in coordinate (i, j). On an
/// isotropic law Q_t = -a (1 - (1 - 2 rate c v)^t) I.
Matrix closed_descent(const Population& p, double rate, int64_t steps);

}  // namespace weft::icl
