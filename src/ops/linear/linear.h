// y = x W^T: every projection of a transformer block.
#pragma once

#include <memory>
#include <vector>

#include "ops/kernel.h"
#include "ops/op.h"

namespace weft {

enum class LinearOutput : uint8_t {
  same,  ///< the type of x
  f32,   ///< f32 also from bf16 inputs: logits of a decode program, which is not trained
};

/// Inputs: x [rows, in], W [out, in] of the same type (f64, f32, bf16). Output: y [rows, out].
/// Backward: dx = dy W, and dW = dy^T x, which is f32 also where x and W are bf16. plan() throws
/// Error(config) for other shapes and types, and for training with a widened output.
std::unique_ptr<Op> make_linear(int64_t in, int64_t out, LinearOutput output = LinearOutput::same);

/// The tags of its kernels, fastest first.
std::vector<KernelTag> linear_tags();
/// Every kernel against the float64 reference.
std::vector<KernelRow> check_linear(const Runtime& runtime);

}  // namespace weft
