// Runs a tile kernel over all tiles of an execution.
#pragma once

#include "attention/mechanism.h"
#include "attention/tile.h"

namespace weft {

AttentionKernel tiled_kernel(const TileKernel* tiles);

}  // namespace weft
