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
  double activations =
      0;                ///< the arena in which the training and the evaluation program take turns
  double tables = 0;    ///< cosines and sines of positions
  double products = 0;  ///< objects of the GEMM library (an estimate from measurements)
  double batches = 0;
  double snapshot = 0;  ///< what checkpoints are written from while training goes on

  double total() const {
    return parameters + gradients + optimizer + activations + tables + products + batches +
           snapshot;
  }
};

/// A lower bound from the sizes alone, in double, so that nothing overflows however absurd they
/// are; nothing is built for it.
MemoryPlan least_memory(const ModelConfig& model, const TrainConfig& train);

/// What this process may use: physical memory, or the limit of its control group if that is less.
double usable_memory();

/// Adds the copy that checkpoints between steps are written from. It is left out where none is due
/// before the last step, and where it would not fit into `usable`: training waits for such a write
/// then.
void add_snapshot(MemoryPlan& plan, double bytes, const TrainConfig& train, double usable);

/// Resident memory of this process in bytes.
struct ResidentMemory {
  double now = 0;
  double peak = 0;  ///< the most since the process began, or since restart_resident_peak()
};
ResidentMemory resident_memory();
/// Lets the peak start again from what is resident now.
void restart_resident_peak();

/// Throws Error(config) with both numbers where the plan exceeds `usable`.
void check_memory(const MemoryPlan& plan, double usable);

}  // namespace weft
