#include "program/program.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "runtime/signal_guard.h"

namespace weft {

// The pointers of one action.
struct Program::Resolved {
  std::vector<void*> in, out, saved, d_in, d_out;
  std::vector<uint8_t> add, add_accumulating;
  void* scratch = nullptr;
  void* target = nullptr;
};

Program::Program(Graph graph, PlanOptions options)
    : graph_(std::move(graph)),
      options_(options),
      plan_(plan_execution(graph_, options)),
      runtime_(graph_.context().runtime) {}
Program::~Program() = default;
Program::Program(Program&&) noexcept = default;
Program& Program::operator=(Program&&) noexcept = default;

void Program::bind(const Bindings& bindings) {
  const size_t own = bindings.arena == nullptr ? plan_.arena : 0;
  if (arena_.size() != own) arena_ = Buffer(own);
  base_ = static_cast<char*>(bindings.arena == nullptr ? arena_.data() : bindings.arena);
  const auto pointer = [&](const Place& p) -> void* {
    const auto i = static_cast<size_t>(p.index);
    switch (p.where) {
      case Place::Where::none:
        return nullptr;
      case Place::Where::arena:
        return base_ + plan_.buffers[i].offset;
      case Place::Where::input:
        return bindings.inputs.at(i);
      case Place::Where::parameter:
        return bindings.parameters.at(i);
      case Place::Where::gradient:
        return bindings.gradients.at(i);
      case Place::Where::state:
        return bindings.states.at(i);
    }
    return nullptr;
  };
  const auto all = [&](const std::vector<Place>& places) {
    std::vector<void*> out;
    for (const Place& p : places) out.push_back(pointer(p));
    return out;
  };
  resolved_.clear();
  for (const Action& a : plan_.actions) {
    Resolved r{all(a.in), all(a.out), all(a.saved),       all(a.d_in),      all(a.d_out),
               {},        {},         pointer(a.scratch), pointer(a.target)};
    for (const Write w : a.writes) {
      r.add.push_back(w == Write::add ? 1 : 0);
      r.add_accumulating.push_back(w == Write::assign ? 0 : 1);
    }
    resolved_.push_back(std::move(r));
  }
}

namespace {

void zero_columns(void* target, const TensorDesc& desc, const Columns& columns, int64_t rows) {
  const size_t element = size_of(desc.dtype);
  const auto width = static_cast<size_t>(desc.shape[desc.shape.rank() - 1]);
  rows = std::min(
      rows, desc.numel() / static_cast<int64_t>(width));  // what has one row, whatever the batch
  const auto first = static_cast<size_t>(columns.first), last = static_cast<size_t>(columns.last);
  for (size_t r = 0; r < static_cast<size_t>(rows); ++r) {
    std::memset(static_cast<char*>(target) + (r * width + first) * element, 0,
                (last - first) * element);
  }
}

// The run as seen by steps after the last rows were picked out.
RunArgs last_rows(const RunArgs& args) {
  RunArgs last = args;
  last.past = args.past + args.time - 1;
  last.time = 1;
  last.first_key = nullptr;
  return last;
}

bool finite(const void* data, const TensorDesc& desc, int64_t rows) {
  const int64_t width = desc.shape.rank() == 0 ? 1 : desc.shape[desc.shape.rank() - 1];
  const int64_t n = desc.shape.rank() == 2 ? std::min(rows * width, desc.numel()) : desc.numel();
  if (desc.dtype != DType::f64 && desc.dtype != DType::f32 && desc.dtype != DType::bf16)
    return true;
  const TensorView view{const_cast<void*>(data), desc, Device::cpu};
  for (int64_t i = 0; i < n; ++i) {
    if (!std::isfinite(get(view, i))) return false;
  }
  return true;
}

}  // namespace

void Program::run_action(size_t i, const RunArgs& args, bool accumulate) noexcept {
  const Action& a = plan_.actions[i];
  const Resolved& r = resolved_[i];
  if (a.kind == ActionKind::zero) {
    if (!a.whole_tensor) return zero_columns(r.target, a.target_desc, a.columns, args.rows());
    if (!accumulate) std::memset(r.target, 0, a.target_desc.bytes());
    return;
  }
  const Step& step = graph_.steps()[static_cast<size_t>(a.step)];
  const RunArgs run = step.last_rows ? last_rows(args) : args;
  const Frame frame{runtime_, run,    r.in,    r.out,
                    r.saved,  r.d_in, r.d_out, accumulate ? r.add_accumulating : r.add,
                    r.scratch};
  if (a.kind == ActionKind::forward) {
    step.op->forward(frame);
  } else {
    step.op->backward(frame);
  }
}

void Program::run(const RunArgs& args, bool accumulate) noexcept {
  const SignalGuard guard;  // once, not for every parallel loop
  for (size_t i = 0; i < plan_.actions.size(); ++i) run_action(i, args, accumulate);
}

void Program::run_observed(const RunArgs& args, bool accumulate, Observer& observer) {
  for (size_t i = 0; i < plan_.actions.size(); ++i) {
    run_action(i, args, accumulate);
    observer.ran(graph_, plan_.actions[i]);
  }
}

std::string Program::first_fault(const RunArgs& args) {
  for (size_t i = 0; i < plan_.actions.size(); ++i) {
    run_action(i, args, false);
    const Action& a = plan_.actions[i];
    if (a.kind == ActionKind::zero) continue;
    const Step& step = graph_.steps()[static_cast<size_t>(a.step)];
    const Resolved& r = resolved_[i];
    for (size_t k = 0; a.kind == ActionKind::forward && k < r.out.size(); ++k) {
      if (!finite(r.out[k], step.plan.outputs[k], args.rows())) return step.name;
    }
    for (size_t k = 0; a.kind == ActionKind::backward && k < r.d_in.size(); ++k) {
      const Value& v = graph_.value(step.inputs[k].value);
      const TensorDesc desc{v.gradient_dtype, v.desc.shape};
      // Columns that other readers will write are not there yet, so partial uses are not looked at.
      if (r.d_in[k] == nullptr || !step.inputs[k].columns.empty()) continue;
      if (!finite(r.d_in[k], desc, v.role == Role::parameter ? v.desc.shape[0] : args.rows())) {
        return step.name + ", gradient of " + v.name;
      }
    }
  }
  return {};
}

TensorView Program::value(ValueId id) const {
  const int buffer = plan_.final_buffer[static_cast<size_t>(id)];
  void* data = base_ + plan_.buffers[static_cast<size_t>(buffer)].offset;
  return {data, graph_.value(id).desc, Device::cpu};
}

void Program::poison_arena() {
  poison(base_, plan_.arena);
}

}  // namespace weft
