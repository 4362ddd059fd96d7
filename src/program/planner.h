// From a graph to a flat list of actions over placed buffers: liveness, who assigns and who adds
// each gradient, what is recomputed. All decisions are made here; execution runs blind.
#pragma once

#include <cstdint>
#include <vector>

#include "program/graph.h"
#include "program/memory.h"

namespace weft {

struct PlanOptions {
  bool training = false;
  bool recompute =
      false;  ///< keep only what crosses blocks, run each block again before its backward
};

enum class ActionKind : uint8_t { forward, backward, zero };

/// How a gradient is written. Parameters differ between the first micro-batch and the following
/// ones.
enum class Write : uint8_t { assign, add, assign_unless_accumulating };

/// A pointer that is known once the program's memory is: into the arena, or to outside memory.
struct Place {
  enum class Where : uint8_t { none, arena, input, parameter, gradient, state };
  Where where = Where::none;
  int index = 0;  ///< of the buffer, or the slot of the value
};

struct Action {
  ActionKind kind = ActionKind::forward;
  int step = -1;
  std::vector<Place> in, out, saved, d_in, d_out;
  std::vector<Write> writes;  ///< one for each of d_in
  Place scratch;
  // kind zero: columns [first, last) of every row of `target`
  Place target;
  TensorDesc target_desc;
  Columns columns;
  bool whole_tensor =
      false;  ///< a parameter: columns count elements, zeroed once unless accumulating
};

struct ExecutionPlan {
  std::vector<Action> actions;
  std::vector<Lifetime> buffers;
  size_t arena = 0;               ///< bytes
  size_t least_arena = 0;         ///< what any placement needs
  std::vector<int> final_buffer;  ///< [value] buffer that holds it at the end, -1: none
};

ExecutionPlan plan_execution(const Graph& graph, const PlanOptions& options);

}  // namespace weft
