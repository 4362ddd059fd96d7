// How many threads a command computes with.
#pragma once

#include <cstdint>
#include <string>

#include "cli/console.h"
#include "runtime/runtime.h"

namespace weft::cli {

/// The first number of a list such as OMP_NUM_THREADS has ("4,2"); 0 where it is none of 1 or more.
int64_t first_of_list(const std::string& text);

/// As many threads as were `given`, always; with 0, as many as the cores and quota of this process
/// have work for and OMP_NUM_THREADS allows: fewer while other programs want the cores, unless that
/// variable said how many. Notes on stderr where the system does not let it have them.
Runtime runtime_of(int64_t given, Isa isa, const Console& console);

}  // namespace weft::cli
