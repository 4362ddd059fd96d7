// Mean cross-entropy of the next token, fused with the output projection.
#pragma once

#include <memory>
#include <vector>

#include "ops/kernel.h"
#include "ops/op.h"

namespace weft {

/// Inputs: x [rows, dim] and W [vocab, dim] of the same type (f64, f32, bf16); labels come from
/// RunArgs, each below vocab, negative for none. Outputs: the mean loss in nats over rows with a
/// label, f64 [1] (0 without labels); the number of labels, f64 [1]; the loss of each row, f32 (f64
/// from f64 inputs) [rows, 1] (0 without label); the number of labels with the largest logit of
/// their row, f64 [1]: of equal ones the first id counts, which is what a greedy sampler takes.
///
/// It is the root of a training program. forward() computes the outputs only. backward() computes
/// them too, with the gradients and without a forward() before: the gradient of the mean times
/// RunArgs.loss_scale; it reads no d_out. dW is f32 also where x and W are bf16. Rows without a
/// label cost nothing and get a zero gradient. plan() throws Error(config) for other shapes.
std::unique_ptr<Op> make_cross_entropy(int64_t dim, int64_t vocab);

/// The tags of its kernels, fastest first.
std::vector<KernelTag> cross_entropy_tags();
/// Every kernel against the float64 reference.
std::vector<KernelRow> check_cross_entropy(const Runtime& runtime);

}  // namespace weft
