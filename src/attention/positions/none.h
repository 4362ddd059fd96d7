// No position: order comes from the causal mask, or from the mechanism itself.
#pragma once

#include "attention/positions/position.h"

namespace weft {

inline constexpr PositionInfo kNoPosition = {
    .name = "none",
    .source = "arXiv 2203.16634",
    .formula = "s_ij = scale * q_i.k_j",
    .args = {},
    .rotates = false,
    .extrapolates = true,
};

}  // namespace weft
