// What can be chosen on the three axes of a design. A program that links the library adds its own
// mechanisms, positions and wirings to an Axes and hands it to whatever reads or builds a model.
#pragma once

#include "attention/mechanism.h"
#include "attention/positions/position.h"
#include "model/wirings/registry.h"

namespace weft {

struct Axes {
  MechanismRegistry mechanisms;
  PositionRegistry positions;
  WiringRegistry wirings;
};

}  // namespace weft
