// What the checks of attention run over, derived from the registry.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "attention/mechanism.h"

namespace weft {

/// Every combination of the flags and choices that a mechanism declares.
std::vector<std::map<std::string, Arg>> argument_combinations(const MechanismInfo& info);

}  // namespace weft
