// Which gain tensors a model has, and where in them each gain lies.
#pragma once

#include <vector>

#include "model/head_rules.h"
#include "model/layout.h"
#include "model/wiring.h"

namespace weft {

/// Lays the gains that rules read into tensors, in the order of the wirings, rows without a reader
/// left out; fills layout.gain_tensors and layout.gains and renumbers the terms' gains to indices
/// of the latter. Gains in the rules are numbered through all wirings.
void place_gains(const ModelConfig& config, const std::vector<Wiring>& wirings, HeadRules& rules,
                 Layout& layout);

}  // namespace weft
