// The wirings of the library: a line each. `name` stands for wirings::name(), which describes it,
// in wirings/name.cc.
#pragma once

#include "model/wirings/registry.h"

#define WEFT_WIRINGS(X) \
  X(value_residual)     \
  X(shared_value)       \
  X(skip_kv)            \
  X(skipv1)             \
  X(cla)                \
  X(yoco)               \
  X(dense)              \
  X(neutreno)           \
  X(cross_layer)

namespace weft::wirings {

#define WEFT_DECLARE(name) WiringInfo name();
WEFT_WIRINGS(WEFT_DECLARE)
#undef WEFT_DECLARE

}  // namespace weft::wirings
