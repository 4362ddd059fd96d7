// The gated activation of the feed-forward block (arXiv 2002.05202).
#pragma once

#include <memory>

#include "ops/kernel.h"
#include "ops/op.h"

namespace weft {

/// Inputs gate, up [rows, width] of one type; output y = silu(gate) * up.
std::unique_ptr<Op> make_swiglu();

/// The tags of its kernels, fastest first.
std::vector<KernelTag> swiglu_tags();
/// Every kernel against the float64 reference, at odd widths.
std::vector<KernelRow> check_swiglu(const Runtime& runtime);

}  // namespace weft
