// A user's own wiring: the [[model.mix]] tables of a configuration, turned into the data that
// registered wirings are (docs/own_wiring.md).
#pragma once

#include <string>

#include "model/config.h"
#include "model/wiring.h"

namespace weft {

/// What can be said of one table without the sizes of the model: spelling, names, counts, numbers.
/// Throws Error(config) at "`where`.key".
void check_mix(const MixConfig& mix, const std::string& where);

/// All tables as one wiring named "mix". The learned gains of a table are one tensor
/// "mix.<name>" [destination layers, learned terms], or one vector "mix.<name>.<layer>" a
/// destination where the layers have different numbers of them. Throws Error(config) naming the
/// table, the term and the layer (all counted from 0) where a tap does not exist, and where the
/// tables together hold too many terms.
Wiring own_wiring(const ModelConfig& config);

}  // namespace weft
