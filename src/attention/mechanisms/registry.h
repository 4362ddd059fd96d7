// The mechanisms of the library.
#pragma once

#include "attention/mechanism.h"

namespace weft {

const MechanismInfo& softmax_mechanism();
const MechanismInfo& stick_breaking_mechanism();

}  // namespace weft
