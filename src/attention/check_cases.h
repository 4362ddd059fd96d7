// What the checks of attention run over, derived from the registry.
#pragma once

#include <vector>

#include "attention/mechanism.h"

namespace weft {

/// The combinations of the flags, the choices and the numbers between bounds (default and middle)
/// that a mechanism declares, as far as the op tells them apart.
std::vector<Args> argument_combinations(const MechanismInfo& info);

}  // namespace weft
