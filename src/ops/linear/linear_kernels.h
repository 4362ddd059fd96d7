// The kernel lists of `linear` and `projection`.
#pragma once

#include "ops/kernel.h"
#include "ops/linear/matvec_isa.h"

namespace weft {

using MatvecFn = void (*)(const MatvecArgs& args) noexcept;
/// Rows [begin, end) of int8 weights times their scales, in another type: to [out, in].
using WidenFn = void (*)(const void* w, const float* scale, int64_t in, int64_t begin, int64_t end,
                         void* to) noexcept;
using PackFn = void (*)(const void* x, int64_t rows, int64_t in, void* panel) noexcept;

/// oneDNN for many rows and own vector code for few of them; or, without `gemm`, the reference.
struct LinearKernel {
  bool gemm = false;
  MatvecFn f32 = nullptr, bf16 = nullptr, bf16_f32 = nullptr;
  PackFn pack_bf16 = nullptr;  ///< what the functions of bf16 weights read
};
std::span<const Kernel<LinearKernel>> linear_kernels();

/// Functions for few rows, of one type of x, and what makes what they read of it (null: x itself);
/// null where the kernel is the reference.
struct FewRows {
  PackFn pack = nullptr, pack_int8 = nullptr;
  MatvecFn same = nullptr, widened = nullptr;            ///< y in the type of x; in f32
  MatvecFn int8_same = nullptr, int8_widened = nullptr;  ///< the same of int8 weights
  MatvecFn function(bool int8, bool widen) const {
    return int8 ? (widen ? int8_widened : int8_same) : (widen ? widened : same);
  }
};
struct ProjectionKernel {
  bool gemm = false;
  FewRows f32, bf16;                                 ///< up to four rows
  FewRows f32_panels, bf16_panels, bf16_dot_panels;  ///< more of them; the last may be absent
  WidenFn widen_f32 = nullptr, widen_bf16 = nullptr;
};
std::span<const Kernel<ProjectionKernel>> projection_kernels();

}  // namespace weft
