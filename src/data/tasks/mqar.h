// Multi-query associative recall (arXiv 2312.04927).
#pragma once

#include "data/tasks/recall.h"

namespace weft {

inline const ArgSpec kMqarArgs[] = {
    {.name = "pairs",
     .fallback = int64_t{4},
     .help = "keys of a sequence, each with its value; four times as many tokens at least",
     .least = 1,
     .most = 1 << 20},
};

inline const TaskInfo kMqar = {
    .name = "mqar",
    .source = "arXiv 2312.04927",
    .what = "keys with their values, then each key once more: say its value",
    .args = kMqarArgs,
    .make = [](const Args& args, TaskSizes sizes) -> std::unique_ptr<Task> {
      const int64_t pairs = args.integer("pairs");
      return std::make_unique<AssociativeRecall>(
          sizes, AssociativeRecall::Options{.pairs = pairs, .assignments = pairs, .back = 1});
    },
};

}  // namespace weft
