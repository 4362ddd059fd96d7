// What a single wiring may say: sources before destinations, ports that fit, heads that exist.
#pragma once

#include "model/head_rules.h"

namespace weft {

/// Checks every mix of a wiring and spreads it over its heads; gains are numbered from
/// `first_gain`. Throws Error(config) naming wiring, layer, port and heads: a term that reads a
/// later tap, ports that do not mix, layers of different widths, heads out of range, two mixes on a
/// head, a gain that is not there or that nothing reads.
HeadRules spread(const ModelConfig& config, const Wiring& wiring, int index, int first_gain);

}  // namespace weft
