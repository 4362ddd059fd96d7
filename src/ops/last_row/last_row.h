// Picks the last row of each sequence, so that generation projects one row to the vocabulary, not
// all.
#pragma once

#include <memory>

#include "ops/op.h"

namespace weft {

/// x[batch * time, width] -> y[batch, width], y[b] = x[b * time + time - 1]. Forward only.
std::unique_ptr<Op> make_last_row();

}  // namespace weft
