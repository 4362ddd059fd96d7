// Multi-query repeated associative recall (arXiv 2505.16381): keys are assigned again.
#pragma once

#include "data/tasks/recall.h"

namespace weft {

inline const ArgSpec kMqrarArgs[] = {
    {.name = "pairs",
     .fallback = int64_t{4},
     .help = "different keys of a sequence",
     .least = 1,
     .most = 1 << 20},
    {.name = "assignments",
     .fallback = int64_t{0},
     .help = "pairs of key and value in a sequence; 0: 2 * pairs * back",
     .least = 0,
     .most = 1 << 20},
    {.name = "back",
     .fallback = int64_t{1},
     .help = "which value of a key is asked for: 1 the latest, 2 the one before, ...",
     .least = 1,
     .most = 1 << 10},
};

inline const TaskInfo kMqrar = {
    .name = "mqrar",
    .source = "arXiv 2505.16381",
    .what = "keys assigned several values in turn, then each key once more: say its latest value",
    .args = kMqrarArgs,
    .make = [](const Args& args, TaskSizes sizes) -> std::unique_ptr<Task> {
      const int64_t pairs = args.integer("pairs"), back = args.integer("back");
      const int64_t given = args.integer("assignments");
      return std::make_unique<AssociativeRecall>(
          sizes,
          AssociativeRecall::Options{
              .pairs = pairs, .assignments = given == 0 ? 2 * pairs * back : given, .back = back});
    },
};

}  // namespace weft
