// Rotary positions (arXiv 2104.09864), rotate-half layout.
#pragma once

#include "attention/positions/position.h"

namespace weft {

inline const ArgSpec kRopeArgs[] = {
    {.name = "theta",
     .fallback = 10000.0,
     .help = "base of the wavelengths 2 pi theta^(2d/D)",
     .least = 1.0},
};

inline const PositionInfo kRope = {
    .name = "rope",
    .source = "arXiv 2104.09864",
    .formula = "q_i, k_j turned by i, j times theta^(-2d/D) in the plane of channels d, d + D/2",
    .args = kRopeArgs,
    .rotates = true,
    .extrapolates = false,
};

}  // namespace weft
