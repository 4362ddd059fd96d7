// Runs one op the way an executor would, in memory that shows every liberty an op takes.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "ops/op.h"

namespace weft::test {

struct RunOptions {
  std::vector<uint8_t> add;     ///< per input: add to `before`; empty: assign all
  std::vector<uint8_t> wanted;  ///< per input: ask for its gradient; empty: all differentiable
  bool in_place = false;        ///< use OpPlan.in_place
  bool misaligned = false;      ///< bases off their alignment by one element
};

struct RunResult {
  OpPlan plan;
  std::vector<Tensor> out;   ///< the present rows
  std::vector<Tensor> d_in;  ///< the present rows; empty where not wanted
  std::string fault;         ///< a liberty that was taken: "output 0: wrote beyond its rows"
};

/// True for what has a row per token: rank 2 with the planned rows. (Choose planned rows that no
/// parameter has.)
bool has_rows(const TensorDesc& desc, const PlanContext& context);

/// Plans, then runs forward and backward once. `in`, `d_out` and `before` (of the type of each
/// gradient; what those of added inputs hold already) have planned rows; rows beyond the present
/// ones are poisoned here. Outputs, saved tensors, scratch and assigned gradients start poisoned,
/// all between canaries; before backward, whatever the plan says it does not read is replaced by
/// poison. Afterwards canaries, absent rows and inputs are checked. With an empty `d_out` only
/// forward runs.
RunResult run_op(Op& op, const PlanContext& context, const RunArgs& run, std::span<const Tensor> in,
                 std::span<const Tensor> d_out, std::span<const Tensor> before,
                 const RunOptions& options);

}  // namespace weft::test
