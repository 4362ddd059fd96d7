// How well a model predicts text, by length of the context.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "data/batches.h"
#include "data/score.h"
#include "model/model.h"
#include "runtime/runtime.h"

namespace weft {

/// The mean over the scored tokens of one context length.
struct LengthLoss {
  int64_t length = 0;        ///< inputs of a window
  int64_t targets = 0;       ///< tokens scored
  double loss = 0;           ///< nats per token
  double bits_per_byte = 0;  ///< over the bytes of the tokens that were scored
  double perplexity = 0;     ///< exp(loss)
};

struct EvaluateOptions {
  int64_t batch = 0;       ///< windows at a time; 0: as many as make about 4096 tokens
  int64_t stride = 0;      ///< tokens from one window to the next; 0: the length
  int64_t score = 0;       ///< labels of a window, its last, the same for all lengths; 0: all
  int64_t max_tokens = 0;  ///< score at most so many tokens a length; 0: all
  Runtime runtime = Runtime::best();
  /// Called once everything is checked, before the work.
  std::function<void()> on_start = {};
  Axes axes = {};  ///< the model's, where a program has added to them
  /// Called after every batch with the share of all lengths that is done, in (0, 1].
  std::function<void(double)> on_progress = {};
};

/// One result a length, in the order given; none depends on the others. Every token that has a
/// predecessor is scored once, in windows of `length` inputs that lie end to end or a stride apart;
/// with `score` the last labels of each window are, and the same ones at every length: EvalWindows.
/// Computes in the type that the model was loaded in; sums are kept in f64, in the order of the
/// text. Throws Error(usage) at no lengths, one below 1, or a stride or score that one is shorter
/// than; Error(input) where the text has nothing to score.
std::vector<LengthLoss> evaluate(const Model& model, const Corpus& corpus, Split split,
                                 std::span<const int64_t> lengths, const EvaluateOptions& options);

/// The same of several texts, each scored by itself.
struct TextLosses {
  /// [texts][lengths]
  std::vector<std::vector<LengthLoss>> each;
  /// [lengths]: sums over the texts, divided once. Nothing is scored between them.
  std::vector<LengthLoss> whole;
};
TextLosses evaluate_texts(const Model& model, std::span<const Corpus> texts,
                          std::span<const int64_t> lengths, const EvaluateOptions& options);

}  // namespace weft
