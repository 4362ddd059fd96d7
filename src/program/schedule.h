// The order in which steps run: forward, and in training backward with recomputation by block.
#pragma once

#include <vector>

#include "program/planner.h"

namespace weft {

struct ScheduledStep {
  ActionKind kind = ActionKind::forward;
  int step = -1;
  bool again = false;  ///< forward a second time, before the backward of its block
};

struct Schedule {
  std::vector<ScheduledStep> order;
  std::vector<bool>
      kept;  ///< [value] lives from its forward until its last reader, never recomputed
  std::vector<bool> rerun;     ///< [step] runs forward twice
  std::vector<bool> backward;  ///< [step] has a backward
};

/// In training the last step is the root (the loss): its backward makes the loss and the first
/// gradients, so its forward is left out.
Schedule make_schedule(const Graph& graph, const PlanOptions& options);

/// Whether the backward of a step reads its input / output.
bool reads_input(const Step& step, size_t input);
bool reads_output(const Step& step, size_t output);
/// Whether a gradient flows from a step into its input.
bool flows(const Graph& graph, const Step& step, size_t input);

}  // namespace weft
