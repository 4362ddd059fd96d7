// Rows of one length through an evaluation program of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "data/batches.h"
#include "data/score.h"
#include "model/model.h"
#include "runtime/runtime.h"

namespace weft {

/// Computes in the type that the model was loaded in; attention keeps to documents where the model
/// was trained so.
class ScoredRun {
 public:
  struct Options {
    int64_t length = 1;  ///< positions of a row
    int64_t batch = 0;   ///< rows at a time; 0: as many as make about 4096 positions
    Runtime runtime = Runtime::best();
    Axes axes = {};  ///< the model's, where a program has added to them
  };

  /// Plans and allocates. Model and rows must outlive this.
  ScoredRun(const Model& model, const EvalBatches& rows, const Options& options);

  /// The sums over all labels, in the order of the rows; `on_batch` is told how many rows are done.
  /// Throws Error(runtime) where the loss is not finite.
  ScoreSum operator()(const std::function<void(int64_t)>& on_batch);

 private:
  const EvalBatches& rows_;
  int64_t length_, batch_;
  BuiltProgram built_;
  std::vector<int32_t> tokens_, labels_;  // [batch, length]
  std::vector<int32_t> first_key_;        // the same; empty where attention crosses documents
};

}  // namespace weft
