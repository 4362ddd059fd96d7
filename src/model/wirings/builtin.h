// One function a wiring, each in the file of its name.
#pragma once

#include "model/wirings/registry.h"

namespace weft::wirings {

WiringInfo value_residual();
WiringInfo shared_value();
WiringInfo skip_kv();
WiringInfo skipv1();

}  // namespace weft::wirings
