// The minimum of the one-layer population loss, found by descent: nothing of the closed form goes
// into it.
#pragma once

#include "lab/icl/population.h"

namespace weft::icl {

enum class Family : uint8_t {
  any,     ///< Q is any matrix
  scalar,  ///< Q = q I
};

struct PopulationMinimum {
  Matrix q;                  ///< [d, d]
  double loss = 0;           ///< at q
  double gradient_norm = 0;  ///< of the family's parameters, at q
  int64_t iterations = 0;
};

/// Conjugate gradients on the exact loss from Q = 0, each principal coordinate scaled by its
/// curvature, exact line searches; stops where the scaled gradient is at rounding. Deterministic.
/// Throws Error(runtime) where the loss is not convex to rounding.
PopulationMinimum minimise(const Population& p, Family family = Family::any);

}  // namespace weft::icl
