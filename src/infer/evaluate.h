// How well a model predicts text, by length of the context.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "data/batches.h"
#include "model/model.h"
#include "runtime/runtime.h"

namespace weft {

/// The mean over the scored tokens of one context length.
struct LengthLoss {
  int64_t length = 0;        ///< tokens of a window
  int64_t targets = 0;       ///< tokens scored
  double loss = 0;           ///< nats per token
  double bits_per_byte = 0;  ///< of text
  double perplexity = 0;     ///< exp(loss)
};

struct EvaluateOptions {
  int64_t batch = 0;       ///< windows at a time; 0: as many as make about 4096 tokens
  int64_t max_tokens = 0;  ///< score at most about so many tokens a length; 0: all
  Runtime runtime = Runtime::best();
  /// Called once everything is checked, before the work.
  std::function<void()> on_start = {};
  Axes axes = {};  ///< the model's, where a program has added to them
  /// Called after every batch with the share of all lengths that is done, in (0, 1].
  std::function<void(double)> on_progress = {};
};

/// One result a length, in the order given. One length: windows lie end to end and every token is
/// scored. Several: the same tokens are scored at each length, so that the numbers compare; they
/// are the last of each window, a quarter of the shortest length (EvalWindows). Computes in the
/// type that the model was loaded in; sums are kept in f64, in the order of the text. Throws
/// Error(usage) at no lengths or one below 1, Error(input) where the text is shorter than a window.
std::vector<LengthLoss> evaluate(const Model& model, const Corpus& corpus, Split split,
                                 std::span<const int64_t> lengths, const EvaluateOptions& options);

}  // namespace weft
