// The learned coefficients of a wiring as a checkpoint holds them.
#pragma once

#include "io/safetensors.h"
#include "model/layout.h"

namespace weft {

/// Puts the gains of `weights` in the place of the first values of `layout`, so that its formulas,
/// drawings and first_gain() say what was learned. Gates stay functions of the token. True where
/// there was one. Throws Error(input) where a gain has another shape than the layout's.
bool set_gains(Layout& layout, const io::SafeTensors& weights);

}  // namespace weft
