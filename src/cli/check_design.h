// weft check CONFIG: the checks of the grid on a configuration.
#pragma once

#include <string>
#include <vector>

#include "cli/verb.h"

namespace weft::cli {

/// Shrinks the configuration, runs every check on it and prints what came out. Returns the exit
/// code: 1 where a check failed. Throws Error where the configuration is refused.
int check_design(const Invocation& invocation, const std::string& what,
                 const std::vector<std::string>& settings);

}  // namespace weft::cli
