// The wiring in plain text: a column a layer, a row for each port and range of heads that reads
// elsewhere, and the formulas.
#pragma once

#include <string>

#include "model/config.h"
#include "model/layout.h"

namespace weft {

/// UTF-8, lines of at most `width` columns, 30 at least. Rows end with lines that run from each
/// source to its readers. Where the layers are more than the columns they are folded into several
/// rows; a line from a row above begins with the number of its source.
std::string draw_wiring(const ModelConfig& config, const Layout& layout, int width = 80);

}  // namespace weft
