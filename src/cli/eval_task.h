// weft eval on a model of a task.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/model_arguments.h"
#include "cli/verb.h"

namespace weft::cli {

struct TaskQuestions {
  std::string model;                    ///< as it was named
  std::vector<int64_t> lengths, pairs;  ///< empty: those of the task
  std::vector<std::string> settings;    ///< "back=2": arguments of the task, replaced
  int64_t sequences = -1;               ///< negative: 1000
  int64_t seed = -1;                    ///< negative: 0
};

/// Accuracy and loss at every combination of lengths and pairs; the exit code.
int eval_task(const Invocation& invocation, const LoadedModel& loaded,
              const TaskQuestions& questions);

}  // namespace weft::cli
