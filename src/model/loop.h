// What a loop of blocks asks of the wiring.
#pragma once

#include "model/config.h"
#include "model/wiring.h"

namespace weft {

/// Input injection (arXiv 2402.13572): x[s] = x[first] + x[s] where a pass after the first begins.
Wiring loop_injection(const ModelConfig& config);

}  // namespace weft
