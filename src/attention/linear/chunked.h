// The kernels of linear attention.
#pragma once

#include <span>

#include "attention/mechanism.h"

namespace weft {

/// Chunks for every instruction set, fastest first, then the quadratic reference. In training they
/// hold two rows a chunk of states, [chunks, head_dim * value_dim], for every thread.
std::span<const Kernel<AttentionKernelOf>> chunked_kernels();

}  // namespace weft
