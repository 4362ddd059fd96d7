// The cache plan: which heads of which taps are kept for later tokens, once for all who read them.
#pragma once

#include "model/axes.h"
#include "model/layout.h"

namespace weft {

/// A state replaces the keys and values of this layer.
bool keeps_state(const LayerConfig& layer, const Axes& axes);

/// One slot for each (port, layer, raw or mixed, window) that some layer reads; layers with a
/// recurrent state read none and keep a state each. layout.mixes must be final.
CachePlan derive_cache(const ModelConfig& config, const Axes& axes, const Layout& layout);

}  // namespace weft
