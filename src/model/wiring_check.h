// What a single wiring may say: sources before destinations, ports that fit, heads that exist.
#pragma once

#include "model/head_intervals.h"

namespace weft {

/// Checks every mix of a wiring and spreads it over the intervals of its heads; gains are numbered
/// from `first_gain`. Throws Error(config) naming wiring, layer, port and heads: a term that reads
/// a later tap, ports that do not mix, layers of different widths, heads out of range, two mixes on
/// a head, a gain that is not there or that nothing reads, a gate where there is no normed input;
/// another layer's keys and values where that layer comes later or has other heads.
HeadRules spread(const ModelConfig& config, const HeadIntervals& intervals, const Wiring& wiring,
                 int index, int first_gain);

}  // namespace weft
