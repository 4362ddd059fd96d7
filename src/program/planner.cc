#include "program/planner.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "program/coverage.h"
#include "program/schedule.h"

namespace weft {
namespace {

using Where = Place::Where;

class Planner {
 public:
  Planner(const Graph& graph, const PlanOptions& options)
      : graph_(graph), options_(options), schedule_(make_schedule(graph, options)) {}

  ExecutionPlan run();

 private:
  int new_buffer(size_t bytes) {
    const int now = static_cast<int>(plan_.actions.size());
    plan_.buffers.push_back({bytes, now, now, 0});
    return static_cast<int>(plan_.buffers.size()) - 1;
  }
  Place touch(int buffer) {
    Lifetime& b = plan_.buffers[static_cast<size_t>(buffer)];
    b.last = std::max(b.last, static_cast<int>(plan_.actions.size()));
    return {Where::arena, buffer};
  }
  Place scratch(size_t bytes) { return bytes == 0 ? Place{} : touch(new_buffer(bytes)); }

  Place read(ValueId id, bool in_backward);
  Place make(ValueId id, bool again);
  Place saved(int step, size_t i, bool again, bool create);
  Place gradient(ValueId id);
  void zero(ValueId id, const Columns& columns);
  Write write_gradient(const Use& use);
  Write write_parameter_gradient(const Use& use);

  void forward(const ScheduledStep& s);
  void backward(const ScheduledStep& s);
  std::set<ValueId> partial_parameters() const;
  void zero_partial_parameters();
  void zero_unread_parameters();
  void share_in_place();

  const Graph& graph_;
  const PlanOptions& options_;
  Schedule schedule_;
  ExecutionPlan plan_;
  std::map<std::pair<ValueId, bool>, int> value_buffer_;  // (value, made again)
  std::map<std::pair<std::pair<int, size_t>, bool>, int> saved_buffer_;
  std::map<ValueId, int> gradient_buffer_;
  std::map<ValueId, Coverage> coverage_;
  struct Shared {
    int action, from, to;  // buffers: `to` may live in the memory of `from`
  };
  std::vector<Shared> shareable_;
};

Place Planner::read(ValueId id, bool in_backward) {
  const Value& v = graph_.value(id);
  switch (v.role) {
    case Role::input:
      return {Where::input, v.slot};
    case Role::parameter:
      return {Where::parameter, v.slot};
    case Role::state:
      return {Where::state, v.slot};
    case Role::activation:
      break;
  }
  const bool again = in_backward && !schedule_.kept[static_cast<size_t>(id)];
  return touch(value_buffer_.at({id, again}));
}

Place Planner::make(ValueId id, bool again) {
  again = again && !schedule_.kept[static_cast<size_t>(id)];
  const auto key = std::make_pair(id, again);
  if (!value_buffer_.contains(key)) value_buffer_[key] = new_buffer(graph_.value(id).desc.bytes());
  return touch(value_buffer_.at(key));
}

Place Planner::saved(int step, size_t i, bool again, bool create) {
  const auto key = std::make_pair(std::make_pair(step, i), again);
  if (create) {
    const Step& s = graph_.steps()[static_cast<size_t>(step)];
    saved_buffer_[key] = new_buffer(s.plan.saved[i].bytes());
  }
  return touch(saved_buffer_.at(key));
}

Place Planner::gradient(ValueId id) {
  const Value& v = graph_.value(id);
  if (v.role == Role::parameter) return {Where::gradient, v.slot};
  if (!gradient_buffer_.contains(id)) {
    const size_t bytes = static_cast<size_t>(v.desc.numel()) * size_of(v.gradient_dtype);
    gradient_buffer_[id] = new_buffer(bytes);
  }
  return touch(gradient_buffer_.at(id));
}

void Planner::zero(ValueId id, const Columns& columns) {
  const Value& v = graph_.value(id);
  Action a;
  a.kind = ActionKind::zero;
  a.target = gradient(id);
  a.target_desc = {v.gradient_dtype, v.desc.shape};
  a.columns = columns;
  a.whole_tensor = v.role == Role::parameter;
  plan_.actions.push_back(std::move(a));
}

Write Planner::write_parameter_gradient(const Use& use) {
  // A part of a tensor (a wiring gain): the tensor was zeroed at the start, see
  // zero_partial_parameters.
  if (!use.columns.empty()) return Write::add;
  Coverage& covered = coverage_[use.value];
  const bool first = covered.empty();
  covered.insert({0, graph_.value(use.value).desc.numel()});
  return first ? Write::assign_unless_accumulating : Write::add;
}

// The first writer of a column assigns, later ones add. Where a use covers written and unwritten
// columns, the unwritten ones are zeroed first.
Write Planner::write_gradient(const Use& use) {
  const Value& v = graph_.value(use.value);
  if (v.role == Role::parameter) return write_parameter_gradient(use);
  Coverage& covered = coverage_[use.value];
  std::vector<Columns> columns = use.columns;
  if (columns.empty()) columns.push_back({0, v.desc.shape[v.desc.shape.rank() - 1]});
  int64_t total = 0, missing = 0;
  for (const Columns& c : columns) {
    total += c.last - c.first;
    for (const Columns& gap : covered.gaps(c)) missing += gap.last - gap.first;
  }
  if (missing == total) {
    for (const Columns& c : columns) covered.insert(c);
    return Write::assign;
  }
  for (const Columns& c : columns) {
    for (const Columns& gap : covered.gaps(c)) zero(use.value, gap);
    covered.insert(c);
  }
  return Write::add;
}

void Planner::forward(const ScheduledStep& s) {
  const Step& step = graph_.steps()[static_cast<size_t>(s.step)];
  const int now = static_cast<int>(plan_.actions.size());
  Action a;
  a.kind = ActionKind::forward;
  a.step = s.step;
  for (const Use& use : step.inputs) a.in.push_back(read(use.value, s.again));
  for (const ValueId v : step.outputs) a.out.push_back(make(v, s.again));
  for (size_t i = 0; i < step.plan.saved.size(); ++i) {
    a.saved.push_back(saved(s.step, i, s.again, true));
  }
  a.scratch = scratch(step.plan.forward_scratch);
  if (step.plan.in_place >= 0) {
    const Place& from = a.in[static_cast<size_t>(step.plan.in_place)];
    if (from.where == Where::arena) shareable_.push_back({now, from.index, a.out[0].index});
  }
  plan_.actions.push_back(std::move(a));
}

void Planner::backward(const ScheduledStep& s) {
  const Step& step = graph_.steps()[static_cast<size_t>(s.step)];
  const bool root = s.step + 1 == static_cast<int>(graph_.steps().size());
  bool any = root;
  for (const ValueId v : step.outputs) any = any || gradient_buffer_.contains(v);
  if (!any) return;  // nobody downstream depends on it
  for (const ValueId v : step.outputs) {
    if (!gradient_buffer_.contains(v)) continue;
    const Value& value = graph_.value(v);
    const int64_t width = value.desc.shape[value.desc.shape.rank() - 1];
    for (const Columns& gap : coverage_[v].gaps({0, width})) zero(v, gap);
  }
  std::vector<Write> writes;  // may insert zeroing actions, so before this action gets its number
  for (size_t k = 0; k < step.inputs.size(); ++k) {
    writes.push_back(flows(graph_, step, k) ? write_gradient(step.inputs[k]) : Write::assign);
  }
  const int now = static_cast<int>(plan_.actions.size());
  Action a;
  a.kind = ActionKind::backward;
  a.step = s.step;
  a.writes = std::move(writes);
  for (size_t k = 0; k < step.inputs.size(); ++k) {
    const ValueId v = step.inputs[k].value;
    a.in.push_back(reads_input(step, k) ? read(v, true) : Place{});
    a.d_in.push_back(flows(graph_, step, k) ? gradient(v) : Place{});
  }
  for (size_t o = 0; o < step.outputs.size(); ++o) {
    const ValueId v = step.outputs[o];
    a.out.push_back(root ? make(v, false) : reads_output(step, o) ? read(v, true) : Place{});
    a.d_out.push_back(!root && gradient_buffer_.contains(v) ? gradient(v) : Place{});
  }
  for (size_t i = 0; i < step.plan.saved.size(); ++i) {
    a.saved.push_back(saved(s.step, i, schedule_.rerun[static_cast<size_t>(s.step)], root));
  }
  a.scratch = scratch(step.plan.backward_scratch);
  if (step.plan.in_place >= 0) {
    const size_t k = static_cast<size_t>(step.plan.in_place);
    if (a.d_in[k].where == Where::arena && a.writes[k] == Write::assign &&
        step.inputs[k].columns.empty() && a.d_out[0].where == Where::arena) {
      shareable_.push_back({now, a.d_out[0].index, a.d_in[k].index});
    }
  }
  plan_.actions.push_back(std::move(a));
}

// Parameters of whose gradient some backward writes a part only.
std::set<ValueId> Planner::partial_parameters() const {
  std::set<ValueId> partial;
  for (const Step& step : graph_.steps()) {
    for (const Use& use : step.inputs) {
      const bool parameter = graph_.value(use.value).role == Role::parameter;
      if (parameter && !use.columns.empty()) partial.insert(use.value);
    }
  }
  return partial;
}

void Planner::zero_partial_parameters() {
  for (const ValueId id : partial_parameters()) zero(id, {0, graph_.value(id).desc.numel()});
}

// No backward writes the gradient of a parameter from which nothing leads to the loss: a wiring may
// pass a block by.
void Planner::zero_unread_parameters() {
  const std::set<ValueId> partial = partial_parameters();
  for (ValueId id = 0; id < static_cast<ValueId>(graph_.values().size()); ++id) {
    const Value& v = graph_.value(id);
    if (v.role != Role::parameter || partial.contains(id)) continue;
    if (coverage_[id].empty()) zero(id, {0, v.desc.numel()});
  }
}

// A buffer whose life ends in the action where another one begins may hand its memory on.
void Planner::share_in_place() {
  std::vector<int> home(plan_.buffers.size());
  std::iota(home.begin(), home.end(), 0);
  for (const Shared& s : shareable_) {
    const int from = home[static_cast<size_t>(s.from)];
    Lifetime& a = plan_.buffers[static_cast<size_t>(from)];
    Lifetime& b = plan_.buffers[static_cast<size_t>(s.to)];
    if (home[static_cast<size_t>(s.to)] != s.to || a.last != s.action || b.first != s.action ||
        a.bytes != b.bytes) {
      continue;
    }
    a.last = b.last;
    b = {0, 0, -1, 0};  // no life of its own
    home[static_cast<size_t>(s.to)] = from;
  }
  const auto move = [&](Place& p) {
    if (p.where == Where::arena) p.index = home[static_cast<size_t>(p.index)];
  };
  for (Action& a : plan_.actions) {
    for (auto* places : {&a.in, &a.out, &a.saved, &a.d_in, &a.d_out}) {
      for (Place& p : *places) move(p);
    }
    move(a.scratch);
    move(a.target);
  }
  for (int& b : plan_.final_buffer) {
    if (b >= 0) b = home[static_cast<size_t>(b)];
  }
}

ExecutionPlan Planner::run() {
  if (options_.training) zero_partial_parameters();
  for (const ScheduledStep& s : schedule_.order) {
    s.kind == ActionKind::forward ? forward(s) : backward(s);
  }
  if (options_.training) zero_unread_parameters();
  plan_.final_buffer.assign(graph_.values().size(), -1);
  for (const ValueId v : graph_.kept()) {
    const int buffer = value_buffer_.at({v, false});
    touch(buffer);
    plan_.final_buffer[static_cast<size_t>(v)] = buffer;
  }
  share_in_place();
  plan_.least_arena = peak(plan_.buffers);
  plan_.arena = place(plan_.buffers);
  return std::move(plan_);
}

}  // namespace

ExecutionPlan plan_execution(const Graph& graph, const PlanOptions& options) {
  return Planner(graph, options).run();
}

}  // namespace weft
