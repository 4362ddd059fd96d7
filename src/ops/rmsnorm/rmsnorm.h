// Root-mean-square normalisation (arXiv 1910.07467).
#pragma once

#include <memory>

#include "ops/kernel.h"
#include "ops/op.h"

namespace weft {

/// Inputs x [rows, dim], gain [dim]; output y [rows, dim] = x * rsqrt(mean(x^2) + eps) * gain.
/// Saves the factor of each row [rows, 1]. Throws Error(config) for dim < 1 or eps <= 0.
std::unique_ptr<Op> make_rmsnorm(int64_t dim, double eps = 1e-5);

/// The tags of its kernels, fastest first.
std::vector<KernelTag> rmsnorm_tags();
/// Every kernel against the float64 reference, at odd widths.
std::vector<KernelRow> check_rmsnorm(const Runtime& runtime);

}  // namespace weft
