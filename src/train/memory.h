// What training needs, before anything is allocated.
#pragma once

#include <cstddef>

#include "model/config.h"
#include "train/train_config.h"

namespace weft {

/// Bytes by purpose.
struct MemoryPlan {
  double parameters = 0;  ///< all copies
  double gradients = 0;
  double optimizer = 0;
  double activations = 0;  ///< arenas of the training and the evaluation program
  double batches = 0;

  double total() const { return parameters + gradients + optimizer + activations + batches; }
};

/// A lower bound from the sizes alone, in double, so that nothing overflows however absurd they
/// are; nothing is built for it.
MemoryPlan least_memory(const ModelConfig& model, const TrainConfig& train);

/// What this process may use: physical memory, or the limit of its control group if that is less.
double usable_memory();

/// Throws Error(config) with both numbers where the plan exceeds `usable`.
void check_memory(const MemoryPlan& plan, double usable);

}  // namespace weft
