// Which sizes, mechanisms and positions go together; wirings are derive_layout's affair.
#pragma once

#include "model/axes.h"
#include "model/config.h"

namespace weft {

/// Throws Error(config) naming the key: sizes out of range (so that no product of them overflows),
/// kv_heads that does not divide heads, an odd head size under rotation, a position that a
/// mechanism cannot take, a window on a recurrent mechanism, per-layer entries that are not one a
/// layer, a wiring listed twice.
void check_config(const ModelConfig& config, const Axes& axes);

}  // namespace weft
