// One training step after another, in memory: programs, gradients, optimiser. Files are run.h's
// affair.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/batches.h"
#include "data/score.h"
#include "model/model.h"
#include "train/memory.h"
#include "train/optimizer.h"
#include "train/programs.h"
#include "train/train_config.h"

namespace weft {

struct StepResult {
  double loss = 0;       ///< nats per label, mean over all labels of all micro-batches
  double grad_norm = 0;  ///< before clipping
  double lr = 0;
};

/// Trains a model on rows of model.context tokens; attention crosses documents where the model's
/// configuration has no document_separator.
class Trainer {
 public:
  struct Options {
    TrainConfig train;
    Runtime runtime = Runtime::best();
    double usable_memory = weft::usable_memory();  ///< bytes
    Axes axes = {};
  };

  /// Plans both programs, and only then allocates. The model must stay where it is, with f32
  /// masters, and in bf16 with copies (weight_copies()). Throws Error(config) where the plan is
  /// larger than the memory of the machine.
  Trainer(Model& model, const Options& options);
  /// With programs that are planned already: build_training() of this model and these options.
  Trainer(Model& model, const Options& options, TrainingPrograms programs);

  /// The copies of the weights that training in this precision needs.
  static WeightCopies weight_copies(DType precision);

  /// Update number `step` (from 1) on the batches of step - 1. The same step on the same state
  /// gives the same bits for any number of threads. Allocates nothing. Throws Error(runtime) where
  /// the loss or a gradient is not finite, naming the first op that made it so; weights and
  /// optimiser are then those of the step before; Error(input) where the step has no label. The
  /// observer, if any, is told of every part.
  StepResult step(int64_t step, const TrainBatches& batches, Observer* observer = nullptr);

  /// The mean over all labels of the rows, summed in their order. Throws Error(runtime) where the
  /// loss is not finite, Error(input) where there is no label.
  Score evaluate(const EvalBatches& batches);

  Model& model() { return model_; }
  Optimizer& optimizer() { return *optimizer_; }
  const MemoryPlan& memory() const { return memory_; }
  /// Tokens of one step.
  int64_t tokens_per_step() const { return config_.accumulate * config_.batch * time_; }
  /// Best rate of matrix products in the precision of training, GFLOP/s, measured in the arena,
  /// which is idle between steps: takes no memory beyond the plan.
  double measure_peak(double seconds);
  /// Model FLOPs (forward and backward) of one token.
  double flops_per_token() const;

 private:
  void bind();
  /// Of the batch that is filled in. `labels_of_step`: what the loss of a step is divided by.
  RunArgs run_args(int64_t labels_of_step = 0) const;
  BatchView batch() const;
  int64_t labels_of_step(int64_t step, const TrainBatches& batches);
  [[noreturn]] void stop_at_fault(int64_t step, const TrainBatches& batches, int64_t labels);

  Model& model_;
  TrainConfig config_;
  Schedule rates_;
  Runtime runtime_;
  Axes axes_;
  bool mask_documents_;
  int64_t time_;
  TrainingPrograms programs_;
  MemoryPlan memory_;
  Buffer arena_;
  ParameterVector gradients_;
  std::unique_ptr<Optimizer> optimizer_;
  Tensor tokens_, labels_, first_key_;  // i32 [batch, time]
};

}  // namespace weft
