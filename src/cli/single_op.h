// One op alone, with memory of its own: for `weft op` and the benchmarks.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/tensor.h"
#include "ops/op.h"

namespace weft::cli {

class SingleOp {
 public:
  /// Plans the op and allocates what it needs; gradients of all inputs, in the
  /// types of the inputs, where context.training.
  SingleOp(std::unique_ptr<Op> op, std::span<const TensorDesc> inputs, const PlanContext& context);

  /// An op that a program has planned for training. `gradients`: what its backward writes, in the
  /// order of the inputs; none of an input that nobody wants one of.
  SingleOp(const Op& planned, const OpPlan& plan, std::span<const TensorDesc> inputs,
           std::span<const std::optional<TensorDesc>> gradients, const Runtime& runtime);

  const OpPlan& plan() const { return plan_; }
  Tensor& in(size_t i) { return in_[i]; }
  Tensor& out(size_t i) { return out_[i]; }
  const Tensor& saved(size_t i) const { return saved_[i]; }
  Tensor& d_in(size_t i) { return d_in_[i]; }
  Tensor& d_out(size_t i) { return d_out_[i]; }

  void forward(const RunArgs& run) noexcept;
  /// Assigns every gradient. Saved values are those of the last forward().
  void backward(const RunArgs& run) noexcept;

 private:
  void allocate(std::span<const TensorDesc> inputs);

  std::unique_ptr<Op> own_;  ///< null where somebody else has it
  const Op* op_;
  Runtime runtime_;
  OpPlan plan_;
  std::vector<Tensor> in_, out_, saved_, d_in_, d_out_;
  std::vector<void*> in_at_, out_at_, saved_at_, d_in_at_, d_out_at_;
  std::vector<uint8_t> add_;
  Buffer scratch_;
};

}  // namespace weft::cli
