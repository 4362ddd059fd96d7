#include "program/schedule.h"

#include <algorithm>

namespace weft {

bool reads_input(const Step& step, size_t input) {
  const auto& reads = step.plan.backward_reads_input;
  return !reads.empty() && reads[input];
}

bool reads_output(const Step& step, size_t output) {
  const auto& reads = step.plan.backward_reads_output;
  return !reads.empty() && reads[output];
}

bool flows(const Graph& graph, const Step& step, size_t input) {
  const auto& through = step.plan.differentiable;
  return (through.empty() || through[input]) &&
         graph.value(step.inputs[input].value).differentiable;
}

namespace {

// Everything that is not made inside a recomputed block, or is read from outside it, is kept.
std::vector<bool> kept_values(const Graph& graph, bool recompute) {
  std::vector<bool> kept(graph.values().size(), true);
  if (!recompute) return kept;
  const auto block_of = [&](ValueId v) {
    const int producer = graph.value(v).producer;
    return producer < 0 ? -1 : graph.steps()[static_cast<size_t>(producer)].block;
  };
  for (size_t v = 0; v < kept.size(); ++v) kept[v] = block_of(static_cast<ValueId>(v)) < 0;
  for (const Step& step : graph.steps()) {
    for (const Use& use : step.inputs) {
      if (block_of(use.value) != step.block) kept[static_cast<size_t>(use.value)] = true;
    }
  }
  for (const ValueId v : graph.kept()) kept[static_cast<size_t>(v)] = true;
  return kept;
}

// A step runs again when its backward needs what it saved, or when a lost output of it is needed by
// a backward or by another step that runs again.
std::vector<bool> rerun_steps(const Graph& graph, const Schedule& s) {
  std::vector<bool> needed(graph.values().size(), false), rerun(graph.steps().size(), false);
  for (size_t i = graph.steps().size(); i-- > 0;) {
    const Step& step = graph.steps()[i];
    const auto lost = [&](ValueId v) { return !s.kept[static_cast<size_t>(v)]; };
    bool again = s.backward[i] && !step.plan.saved.empty() && step.block >= 0;
    for (size_t o = 0; o < step.outputs.size(); ++o) {
      const ValueId v = step.outputs[o];
      const bool read = needed[static_cast<size_t>(v)] || (s.backward[i] && reads_output(step, o));
      again = again || (lost(v) && read);
    }
    rerun[i] = again;
    for (size_t k = 0; k < step.inputs.size(); ++k) {
      if (again || (s.backward[i] && reads_input(step, k))) {
        needed[static_cast<size_t>(step.inputs[k].value)] = true;
      }
    }
  }
  return rerun;
}

std::vector<bool> steps_with_backward(const Graph& graph) {
  std::vector<bool> backward(graph.steps().size(), false);
  for (size_t i = 0; i < backward.size(); ++i) {
    const Step& step = graph.steps()[i];
    for (size_t k = 0; k < step.inputs.size(); ++k) {
      backward[i] = backward[i] || flows(graph, step, k);
    }
  }
  return backward;
}

}  // namespace

Schedule make_schedule(const Graph& graph, const PlanOptions& options) {
  const int n = static_cast<int>(graph.steps().size());
  Schedule s;
  const bool recompute = options.training && options.recompute;
  s.kept = kept_values(graph, recompute);
  s.rerun.assign(static_cast<size_t>(n), false);
  s.backward.assign(static_cast<size_t>(n), false);
  if (!options.training) {
    for (int i = 0; i < n; ++i) s.order.push_back({ActionKind::forward, i, false});
    return s;
  }
  s.backward = steps_with_backward(graph);
  if (recompute) s.rerun = rerun_steps(graph, s);
  for (int i = 0; i + 1 < n; ++i) s.order.push_back({ActionKind::forward, i, false});
  for (int last = n - 1; last >= 0;) {
    const int block = graph.steps()[static_cast<size_t>(last)].block;
    int first = last;
    while (first > 0 && graph.steps()[static_cast<size_t>(first - 1)].block == block) --first;
    for (int i = first; i <= last; ++i) {
      if (s.rerun[static_cast<size_t>(i)]) s.order.push_back({ActionKind::forward, i, true});
    }
    for (int i = last; i >= first; --i) {
      if (s.backward[static_cast<size_t>(i)]) s.order.push_back({ActionKind::backward, i, false});
    }
    last = first - 1;
  }
  return s;
}

}  // namespace weft
