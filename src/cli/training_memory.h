// The memory plan of a training run, without the run.
#pragma once

#include "model/layout.h"
#include "train/memory.h"
#include "train/run_config.h"

namespace weft::cli {

/// Plans the programs that a run of this configuration would execute; allocates no weight and no
/// activation. Throws Error(config) where even the tables that planning makes would not fit.
MemoryPlan plan_training(const RunConfig& config, const Layout& layout, const Runtime& runtime);

}  // namespace weft::cli
