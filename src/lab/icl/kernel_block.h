// The kernel of the block form with linear scores, by Gram matrices (gram_block.h).
#pragma once

#include "lab/icl/pack.h"
#include "runtime/runtime.h"

namespace weft::icl {

/// Parameters [layers][B, Q][d, d], of one layer if it is tied. Sizes in frequent use are compiled
/// in; `any_size` takes the kernel for the others, which gives the same bits, slower.
const PackKernel& block_kernel(int64_t d, Isa isa, bool any_size = false);

/// Multiplications and additions of one prompt there and back, the Gram matrix included.
double block_flops(int64_t d, int64_t n, int64_t layers);

}  // namespace weft::icl
