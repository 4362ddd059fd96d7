// The kernel list of `cross_entropy`.
#pragma once

#include "ops/cross_entropy/softmax_isa.h"
#include "ops/kernel.h"

namespace weft {

/// oneDNN for the products and own vector code for the rows; or, without them, the reference.
struct CrossEntropyKernel {
  RowSum (*exp_row)(float* z, int64_t n) noexcept = nullptr;
  void (*scale_row)(float* z, int64_t n, float factor) noexcept = nullptr;
  void (*scale_row_bf16)(float* z, int64_t n, float factor) noexcept = nullptr;
};

std::span<const Kernel<CrossEntropyKernel>> cross_entropy_kernels();

}  // namespace weft
