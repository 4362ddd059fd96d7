// What a training run executes, and the memory that it takes: planned here for the trainer and for
// `weft explain` alike.
#pragma once

#include <vector>

#include "model/builder.h"
#include "model/parameter_list.h"
#include "train/memory.h"
#include "train/train_config.h"

namespace weft {

/// The programs of a run. They never run at the same time, so they take turns in one arena, in
/// which the peak of the machine is measured as well.
struct TrainingPrograms {
  BuiltProgram train, evaluate;
  size_t arena_bytes = 0;
};

/// Plans both programs; allocates nothing but tables of positions. Throws Error(config) where an op
/// refuses the sizes.
TrainingPrograms build_training(const ModelConfig& model, const Layout& layout,
                                const TrainConfig& train, const Runtime& runtime,
                                const Axes& axes = Axes());

/// What a run with these programs takes, everything but the program's own code and the text.
/// `parameters`: parameter_list() of the model.
MemoryPlan plan_memory(const TrainingPrograms& programs, const ModelConfig& model,
                       const std::vector<ParameterSpec>& parameters, const TrainConfig& train,
                       bool mask_documents, const Axes& axes = Axes());

}  // namespace weft
