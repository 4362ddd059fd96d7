// The figures of `weft bench scaling`, from rows that were measured now or are read from a file.
#pragma once

#include <string>
#include <vector>

#include "cli/bench.h"
#include "io/file.h"

namespace weft::cli {

/// Writes FOLDER/FIGURE.svg for every figure of the rows; the folder must be there. Returns the
/// names written; none where no row is of a figure. Throws Error(runtime) where writing fails.
std::vector<std::string> write_plots(const std::vector<BenchResult>& results,
                                     const io::Path& folder);

}  // namespace weft::cli
