// ALiBi (arXiv 2108.12409): a penalty on the score that grows with the distance.
#pragma once

#include "attention/positions/position.h"

namespace weft {

inline constexpr PositionInfo kAlibi = {
    .name = "alibi",
    .source = "arXiv 2108.12409",
    .formula = "s_ij = scale * q_i.k_j - slope_h * (i - j), slope_h = 2^(-8h/H)",
    .args = {},
    .rotates = false,
    .extrapolates = true,
    .slopes = [](const Args&, int64_t heads) { return alibi_slopes(heads); },
};

}  // namespace weft
