#include "cli/single_op.h"

#include <algorithm>

namespace weft::cli {
namespace {

std::vector<void*> pointers(const std::vector<Tensor>& tensors) {
  std::vector<void*> p;
  for (const Tensor& t : tensors) p.push_back(t.data());
  return p;
}

}  // namespace

SingleOp::SingleOp(std::unique_ptr<Op> op, std::span<const TensorDesc> inputs,
                   const PlanContext& context)
    : own_(std::move(op)),
      op_(own_.get()),
      runtime_(context.runtime),
      plan_(own_->plan(inputs, context)) {
  if (context.training) {
    for (const TensorDesc& d : inputs) d_in_.emplace_back(d);
    for (const TensorDesc& d : plan_.outputs) d_out_.emplace_back(d);
  }
  allocate(inputs);
}

SingleOp::SingleOp(const Op& planned, const OpPlan& plan, std::span<const TensorDesc> inputs,
                   std::span<const std::optional<TensorDesc>> gradients, const Runtime& runtime)
    : op_(&planned), runtime_(runtime), plan_(plan) {
  for (const std::optional<TensorDesc>& d : gradients) d_in_.push_back(d ? Tensor(*d) : Tensor());
  for (const TensorDesc& d : plan_.outputs) d_out_.emplace_back(d);
  allocate(inputs);
}

void SingleOp::allocate(std::span<const TensorDesc> inputs) {
  for (const TensorDesc& d : inputs) in_.emplace_back(d);
  for (const TensorDesc& d : plan_.outputs) out_.emplace_back(d);
  for (const TensorDesc& d : plan_.saved) saved_.emplace_back(d);
  in_at_ = pointers(in_), out_at_ = pointers(out_), saved_at_ = pointers(saved_);
  d_in_at_ = pointers(d_in_), d_out_at_ = pointers(d_out_);
  add_.assign(in_.size(), 0);
  scratch_ = Buffer(std::max(plan_.forward_scratch, plan_.backward_scratch));
}

void SingleOp::forward(const RunArgs& run) noexcept {
  op_->forward({runtime_, run, in_at_, out_at_, saved_at_, {}, {}, {}, scratch_.data()});
}

void SingleOp::backward(const RunArgs& run) noexcept {
  op_->backward(
      {runtime_, run, in_at_, out_at_, saved_at_, d_in_at_, d_out_at_, add_, scratch_.data()});
}

}  // namespace weft::cli
