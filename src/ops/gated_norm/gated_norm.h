// Gated RMS normalisation of rectified linear attention (arXiv 2104.07012, section 3.2), over all
// heads, before the output projection.
#pragma once

#include <memory>

#include "ops/kernel.h"
#include "ops/op.h"

namespace weft {

/// Inputs x [rows, width], scale and gate [width]; output of x's shape:
/// scale * x / sqrt(mean(x^2) + eps) * sigmoid(gate * x). A row of zeros stays zero. Saves
/// 1 / sqrt(mean(x^2) + eps) [rows, 1]. Throws Error(config) for width < 1 or eps <= 0.
std::unique_ptr<Op> make_gated_norm(int64_t width, double eps = 1e-5);

/// The tags of its kernels, fastest first.
std::vector<KernelTag> gated_norm_tags();
/// Every kernel against the float64 reference, at odd sizes.
std::vector<KernelRow> check_gated_norm(const Runtime& runtime);

}  // namespace weft
