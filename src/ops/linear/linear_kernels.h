// The kernel list of `linear`.
#pragma once

#include "ops/kernel.h"
#include "ops/linear/matvec_isa.h"

namespace weft {

using MatvecFn = void (*)(const MatvecArgs& args) noexcept;

/// oneDNN for many rows and own vector code for few of them; or, without `gemm`, the reference.
struct LinearKernel {
  bool gemm = false;
  MatvecFn f32 = nullptr, bf16 = nullptr, bf16_f32 = nullptr;
};

std::span<const Kernel<LinearKernel>> linear_kernels();

}  // namespace weft
