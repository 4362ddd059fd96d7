#include "train/profile.h"

#include <algorithm>

namespace weft {
namespace {

/// "linear 1024x384": the op, and the shape of the matrix that it multiplies by.
std::string kind_of(const Graph& graph, const Step& step) {
  std::string kind(step.op->name());
  for (const Use& use : step.inputs) {
    const Value& v = graph.value(use.value);
    if (v.role != Role::parameter || v.desc.shape.rank() != 2 || !use.columns.empty()) continue;
    kind += " " + std::to_string(v.desc.shape[0]) + "x" + std::to_string(v.desc.shape[1]);
  }
  return kind;
}

double zeroed_bytes(const Action& a) {
  if (a.whole_tensor) return static_cast<double>(a.target_desc.bytes());
  const int64_t width = a.target_desc.shape[a.target_desc.shape.rank() - 1];
  return static_cast<double>(a.target_desc.bytes()) *
         static_cast<double>(a.columns.last - a.columns.first) / static_cast<double>(width);
}

}  // namespace

void StepProfile::start_step() {
  ++steps_;
  last_ = Clock::now();
}

void StepProfile::book(std::string name, const Cost& cost) {
  const Clock::time_point now = Clock::now();
  auto row =
      std::find_if(rows_.begin(), rows_.end(), [&](const ProfileRow& r) { return r.name == name; });
  if (row == rows_.end()) {
    rows_.push_back({.name = std::move(name), .calls = 0, .cost = {}, .seconds = {}});
    row = rows_.end() - 1;
  }
  row->seconds.resize(static_cast<size_t>(steps_));
  row->seconds.back() += std::chrono::duration<double>(now - last_).count();
  if (steps_ == 1) {
    ++row->calls;
    row->cost.flops += cost.flops;
    row->cost.bytes += cost.bytes;
  }
  last_ = Clock::now();
}

void StepProfile::ran(const Graph& graph, const Action& action) {
  if (action.kind == ActionKind::zero) return book("zeroing", {0, zeroed_bytes(action)});
  const Step& step = graph.steps()[static_cast<size_t>(action.step)];
  const bool forward = action.kind == ActionKind::forward;
  book(kind_of(graph, step) + (forward ? " forward" : " backward"),
       forward ? step.plan.forward : step.plan.backward);
}

void StepProfile::ran(std::string_view part, double bytes) {
  book(std::string(part), {0, bytes});
}

}  // namespace weft
