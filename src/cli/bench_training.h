// A model in training on random bytes, as the benchmarks of training steps run it.
#pragma once

#include <cstdint>
#include <string>

#include "base/dtype.h"
#include "data/batches.h"
#include "model/model.h"
#include "runtime/runtime.h"
#include "train/trainer.h"

namespace weft::cli {

/// A named design at dim 384, 6 layers, 6 heads, 256 ids: the standard size of the benchmarks.
struct TrainingCase {
  std::string design = "transformer";
  DType type = DType::f32;
  int64_t time = 512, batch = 8;
  bool recompute = false;

  /// "resformer bf16 dim 384 x 6, T=512 B=8"
  std::string name() const;
};

class BenchTraining {
 public:
  /// Checks first that the design's loss is the one that float64 gives for the same weights. Throws
  /// Error(runtime) where it is not.
  BenchTraining(const TrainingCase& c, const Runtime& runtime);
  BenchTraining(const BenchTraining&) = delete;
  BenchTraining& operator=(const BenchTraining&) = delete;

  void step() { trainer_.step(++step_, windows_); }
  double tokens_per_step() const { return static_cast<double>(trainer_.tokens_per_step()); }
  double flops_per_step() const { return trainer_.flops_per_token() * tokens_per_step(); }
  double planned_bytes() const { return trainer_.memory().total(); }

 private:
  Corpus corpus_;
  Model model_;
  Trainer trainer_;
  TrainWindows windows_;
  int64_t step_ = 0;
};

}  // namespace weft::cli
