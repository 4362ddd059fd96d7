// How well a model does a task, by the settings of the task.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/score.h"
#include "data/tasks/task.h"
#include "model/model.h"
#include "runtime/runtime.h"

namespace weft {

struct TaskScore {
  TaskSettings task;
  int64_t length = 0;  ///< tokens of a sequence
  int64_t sequences = 0;
  Score score;            ///< over the labels of all sequences
  double perplexity = 0;  ///< exp(loss)
};

struct TaskOptions {
  int64_t sequences = 1000;  ///< of each result
  /// Of the test sequences: with one seed every model is asked the same. Training and validation
  /// have streams of their own and never see them.
  uint64_t seed = 0;
  Runtime runtime = Runtime::best();
  /// Called once everything is checked, before the work.
  std::function<void()> on_start = {};
  /// Called after every batch with the share of all that is done, in (0, 1].
  std::function<void(double)> on_progress = {};
  TaskRegistry tasks = {};
};

/// One result a task, in the order given. Their lengths may differ from the model's context.
/// Throws Error(config) where a task does not go with the vocabulary or its length, before anything
/// is computed; Error(usage) without tasks or sequences; Error(input) where the sequences of a
/// result have no label.
std::vector<TaskScore> evaluate_task(const Model& model, const std::vector<TaskSettings>& tasks,
                                     const TaskOptions& options);

/// The task at every combination of pairs and lengths, lengths first; an empty list leaves the
/// task's own. `left_out` gets a line for each combination that cannot be generated. Throws
/// Error(config) where there is none that can, or where the task knows no pairs.
std::vector<TaskSettings> task_grid(const Model& model, const TaskSettings& task,
                                    const std::vector<int64_t>& pairs,
                                    const std::vector<int64_t>& lengths,
                                    std::vector<std::string>& left_out,
                                    const TaskRegistry& tasks = {});

}  // namespace weft
