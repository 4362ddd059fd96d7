// The residual sum.
#pragma once

#include <memory>

#include "ops/kernel.h"
#include "ops/op.h"

namespace weft {

/// Inputs a, b [rows, width] of one type; output y = a + b. May run in place of a.
std::unique_ptr<Op> make_add();

/// The tags of its kernels, fastest first.
std::vector<KernelTag> add_tags();
/// Every kernel against the float64 reference, at odd widths.
std::vector<KernelRow> check_add(const Runtime& runtime);

}  // namespace weft
