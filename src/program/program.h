// A planned model, ready to run: a flat list of actions over one arena. Execution allocates
// nothing, checks nothing and takes no lock.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "program/observer.h"
#include "program/planner.h"

namespace weft {

/// Memory that a program uses and does not own, in the order of the graph's slots.
struct Bindings {
  std::vector<void*> inputs;
  std::vector<void*> parameters;
  std::vector<void*> gradients;  ///< empty where nothing is trained
  std::vector<void*> states;
  /// arena_bytes() of 64-byte aligned memory, which others may use between runs (values that were
  /// kept are lost then); null: the program allocates its own.
  void* arena = nullptr;
};

class Program {
 public:
  Program(Graph graph, PlanOptions options);
  ~Program();
  Program(Program&&) noexcept;
  Program& operator=(Program&&) noexcept;

  /// Allocates the arena, unless it is given, and resolves every pointer. Called before the first
  /// execution, and again where outside memory has moved.
  void bind(const Bindings& bindings);
  /// Runs all actions: in training forward and backward, otherwise forward. `accumulate`: parameter
  /// gradients are added to what is there instead of replacing it.
  void run(const RunArgs& args, bool accumulate = false) noexcept;
  /// The same, telling the observer after each action.
  void run_observed(const RunArgs& args, bool accumulate, Observer& observer);
  /// Runs like run(), looking at every result; returns the name of the first step that made a NaN
  /// or an infinity ("layers.3.mlp.gate_proj, gradient"), or "" where all is finite.
  std::string first_fault(const RunArgs& args);

  /// A kept value after run(). Rows beyond those of the run are undefined.
  TensorView value(ValueId id) const;

  size_t arena_bytes() const { return plan_.arena; }
  size_t least_arena_bytes() const { return plan_.least_arena; }
  const Graph& graph() const { return graph_; }
  const ExecutionPlan& plan() const { return plan_; }
  /// Poisons the arena with NaN, for tests: nothing may read what was not written.
  void poison_arena();

 private:
  struct Resolved;
  void run_action(size_t i, const RunArgs& args, bool accumulate) noexcept;

  Graph graph_;
  PlanOptions options_;
  ExecutionPlan plan_;
  Runtime runtime_;
  Buffer arena_;  ///< empty where the arena is given
  char* base_ = nullptr;
  std::vector<Resolved> resolved_;
};

}  // namespace weft
