// The mechanisms of the library: a line each. `name` stands for name_mechanism(), which describes
// it, in mechanisms/name_mechanism.cc.
#pragma once

#include "attention/mechanism.h"

#define WEFT_MECHANISMS(X) \
  X(softmax)               \
  X(stick_breaking)        \
  X(relu)                  \
  X(sigmoid)               \
  X(linear)

namespace weft {

#define WEFT_DECLARE(name) const MechanismInfo& name##_mechanism();
WEFT_MECHANISMS(WEFT_DECLARE)
#undef WEFT_DECLARE

}  // namespace weft
