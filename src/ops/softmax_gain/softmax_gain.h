// Coefficients that share a sum: what several mixes multiply by, drawn from one softmax.
#pragma once

#include <memory>

#include "ops/kernel.h"
#include "ops/op.h"

namespace weft {

/// Inputs logits [n] and factor [1], parameters (f32; f64 in f64 programs); output g [1, n] of
/// their type = factor * softmax(logits). Has one row, whatever the batch. Throws Error(config) for
/// other shapes.
std::unique_ptr<Op> make_softmax_gain();

/// The tags of its kernels.
std::vector<KernelTag> softmax_gain_tags();
/// Every kernel against the float64 reference.
std::vector<KernelRow> check_softmax_gain(const Runtime& runtime);

}  // namespace weft
