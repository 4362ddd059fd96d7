// A configuration made small, so that the checks take seconds whatever its size.
#pragma once

#include "model/axes.h"
#include "model/config.h"

namespace weft::checks {

/// Layers that a small model has at most.
inline constexpr int64_t kMostLayers = 8;

/// The same mechanisms, positions and wirings on as few numbers as possible: vocabulary 13, width
/// 12, heads of 4 channels, windows of a few keys; heads and key/value heads in their ratio; of
/// more than kMostLayers layers an even choice. Where arguments count layers or heads, so that the
/// small model is refused, heads and then layers stay as they are. Throws Error(config) with the
/// reason where the configuration itself is refused.
ModelConfig shrink(const ModelConfig& config, const Axes& axes = Axes());

}  // namespace weft::checks
