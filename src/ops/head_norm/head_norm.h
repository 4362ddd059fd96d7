// Group normalisation with one group per attention head, before the output projection.
#pragma once

#include <memory>

#include "ops/kernel.h"
#include "ops/op.h"

namespace weft {

/// Inputs x [rows, heads * head_dim], gamma and beta [heads * head_dim]; output of x's shape: in
/// every head (x - mean) / sqrt(variance + eps) * gamma + beta with the biased variance of the
/// head's channels. Saves 1 / sqrt(variance + eps) [rows, heads]. Throws Error(config) for heads <
/// 1, head_dim < 1 or eps <= 0.
std::unique_ptr<Op> make_head_norm(int64_t heads, int64_t head_dim, double eps = 1e-5);

/// The tags of its kernels, fastest first.
std::vector<KernelTag> head_norm_tags();
/// Every kernel against the float64 reference, at odd sizes.
std::vector<KernelRow> check_head_norm(const Runtime& runtime);

}  // namespace weft
