// A model in training on random bytes, as the benchmarks of training steps run it.
#pragma once

#include <cstdint>
#include <string>

#include "base/dtype.h"
#include "cli/bench.h"
#include "data/batches.h"
#include "model/model.h"
#include "runtime/runtime.h"
#include "train/trainer.h"

namespace weft::cli {

/// Sizes of a model, 64 elements a head.
struct ModelSize {
  int64_t dim = 384, layers = 6, ffn = 1024, vocab = 256;
};
/// The standard size of the benchmarks, and that of GPT-2 124M.
inline constexpr ModelSize kSmall = {}, kLarge = {768, 12, 2048, 50304};

/// A named design in training.
struct TrainingCase {
  std::string design = "transformer";
  DType type = DType::f32;
  int64_t time = 512, batch = 8;
  bool recompute = false;
  ModelSize size = kSmall;

  /// "resformer bf16 dim 384 x 6, T=512 B=8"
  std::string name() const;
};

/// One result for the whole step and one for each kind of work in it, longest first.
std::vector<BenchResult> bench_profile(const BenchContext& context, const TrainingCase& c);

class BenchTraining {
 public:
  /// Checks first that the design's loss is the one that float64 gives for the same weights. Throws
  /// Error(runtime) where it is not.
  BenchTraining(const TrainingCase& c, const Runtime& runtime);
  BenchTraining(const BenchTraining&) = delete;
  BenchTraining& operator=(const BenchTraining&) = delete;

  void step(Observer* observer = nullptr) { trainer_.step(++step_, windows_, observer); }
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
