// Completion of command lines in shells, from the same declarations as the help.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/page.h"

namespace weft::cli {

/// Shells that there is a script for.
const std::vector<std::string>& completion_shells();

/// A script that the shell reads: verbs, flags, words that arguments take, keys of --set; file
/// names wherever no list says better. `keys`: of a configuration.
std::string completion(const std::string& shell, std::span<const Page> pages,
                       std::span<const std::string> keys);

}  // namespace weft::cli
