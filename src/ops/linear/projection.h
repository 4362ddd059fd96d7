// Several products of one x with weight matrices, for programs that are not trained: what decoding
// spends its time on.
#pragma once

#include <memory>
#include <vector>

#include "ops/kernel.h"
#include "ops/linear/linear.h"
#include "ops/op.h"

namespace weft {

/// How the weights are stored.
enum class WeightType : uint8_t {
  activation,  ///< the type of x
  int8,        ///< integers in [-127, 127] with a factor for each row of W
};

struct ProjectionSpec {
  int64_t in = 0;
  std::vector<int64_t> out;  ///< of each product
  WeightType weights = WeightType::activation;
  LinearOutput output = LinearOutput::same;
};

/// y_i[r, o] = sum_j x[r, j] W_i[o, j]. Inputs: x [rows, in] (f64, f32, bf16), then for each
/// product W_i [out_i, in] of the type of x; or, of int8 weights, the integers as u8 [out_i, in]
/// (the bits of int8) and their scales f32 [out_i], where W_i[o, j] = scale_i[o] * integer_i[o, j].
/// Outputs: y_i [rows, out_i]. Forward only. One parallel region reads all weights once for up to
/// 32 rows. plan() throws Error(config) for other shapes and types, and in programs that are
/// trained.
std::unique_ptr<Op> make_projection(ProjectionSpec spec);

/// Rounds W [out, in] (f64, f32 or bf16) to integers: scale = the largest magnitude of a row / 127
/// (0 where the row is zero or not finite), nearest integer, ties to even.
void quantise_rows(const TensorView& weights, int8_t* integers, float* scales);

std::vector<KernelTag> projection_tags();
/// Every kernel against the float64 reference, with both kinds of weights.
std::vector<KernelRow> check_projection(const Runtime& runtime);

}  // namespace weft
