// A gate for each token and head: how much of one source a mix takes there.
#pragma once

#include <memory>

#include "ops/kernel.h"
#include "ops/op.h"

namespace weft {

struct GateSpec {
  int64_t dim = 1;     ///< columns of x
  int64_t heads = 1;   ///< gates of a row
  int64_t weight = 0;  ///< first element of w in its parameter; [heads, dim] from there
  int64_t bias = 0;    ///< first element of b in its parameter; [heads] from there
};

/// Inputs x [rows, dim], and parameters of any shape that hold w and b (f32; f64 in f64 programs);
/// output c [rows, heads] = sigmoid(x w^T + b). Saves x w^T + b [rows, heads]. Backward writes or
/// adds only those elements of the parameters' gradients. Throws Error(config) for sizes below 1
/// and elements that are not there.
std::unique_ptr<Op> make_gate(const GateSpec& spec);

/// The tags of its kernels, fastest first.
std::vector<KernelTag> gate_tags();
/// Every kernel against the float64 reference, at odd sizes.
std::vector<KernelRow> check_gate(const Runtime& runtime);

}  // namespace weft
