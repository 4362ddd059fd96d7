#include "program/graph.h"

#include <utility>

#include "runtime/gemm.h"

namespace weft {

Graph::Graph(PlanContext context) : context_(std::move(context)) {
  if (context_.gemms == nullptr) context_.gemms = std::make_shared<GemmPool>(context_.runtime);
}

ValueId Graph::append(Value value) {
  values_.push_back(std::move(value));
  return static_cast<ValueId>(values_.size()) - 1;
}

ValueId Graph::input(std::string name, TensorDesc desc) {
  Value v{.name = std::move(name), .desc = desc, .role = Role::input, .slot = inputs_++};
  return append(std::move(v));
}

ValueId Graph::parameter(std::string name, TensorDesc desc, DType gradient_dtype) {
  Value v{.name = std::move(name), .desc = desc, .role = Role::parameter, .slot = parameters_++};
  v.differentiable = true;
  v.gradient_dtype = gradient_dtype;
  return append(std::move(v));
}

ValueId Graph::state(std::string name, TensorDesc desc) {
  Value v{.name = std::move(name), .desc = desc, .role = Role::state, .slot = states_++};
  return append(std::move(v));
}

std::vector<ValueId> Graph::add(std::string name, std::unique_ptr<Op> op, std::vector<Use> inputs) {
  std::vector<TensorDesc> descs;
  bool differentiable = false;
  for (const Use& use : inputs) {
    descs.push_back(value(use.value).desc);
  }
  PlanContext context = context_;
  if (last_rows_) context.time = 1;
  OpPlan plan = op->plan(descs, context);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const bool through = plan.differentiable.empty() || plan.differentiable[i];
    differentiable = differentiable || (through && value(inputs[i].value).differentiable);
  }
  Step step{.name = std::move(name),
            .op = std::move(op),
            .plan = std::move(plan),
            .inputs = std::move(inputs),
            .outputs = {},
            .block = block_,
            .last_rows = last_rows_};
  for (const TensorDesc& desc : step.plan.outputs) {
    Value v{.name = step.name,
            .desc = desc,
            .role = Role::activation,
            .producer = static_cast<int>(steps_.size())};
    v.differentiable = differentiable;
    v.gradient_dtype = desc.dtype;
    step.outputs.push_back(append(std::move(v)));
  }
  std::vector<ValueId> outputs = step.outputs;
  steps_.push_back(std::move(step));
  return outputs;
}

ValueId Graph::add1(std::string name, std::unique_ptr<Op> op, std::vector<Use> inputs) {
  return add(std::move(name), std::move(op), std::move(inputs)).at(0);
}

}  // namespace weft
