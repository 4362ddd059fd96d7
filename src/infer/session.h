// A model with its cache: feed tokens, read logits.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/builder.h"
#include "model/model.h"

namespace weft {

struct SessionOptions {
  int64_t batch = 1;    ///< sequences, advanced together by equally many tokens
  int64_t context = 0;  ///< most tokens of a sequence; 0: the model's context
  int64_t chunk = 512;  ///< most tokens of a sequence in one execution; longer feeds are cut
  Runtime runtime = Runtime::best();
  Axes axes = {};  ///< the model's, where a program has added to them
};

/// One or several sequences of equal length on their way through a model. It computes and caches in
/// the type that the model was loaded in, also where its matrices have become int8. The model must
/// outlive it and keep its weights where they are. Not thread-safe.
class Session {
 public:
  /// Plans the program and allocates the cache. Throws Error(usage) at sizes below one,
  /// Error(runtime) where memory lacks.
  Session(const Model& model, const SessionOptions& options);

  /// Appends tokens to every sequence: `tokens` [batch, n], n >= 1. How tokens are spread over
  /// calls changes nothing. Throws Error(usage) where they do not fit into the context,
  /// Error(input) at an id outside the vocabulary; nothing is fed then.
  void feed(std::span<const int32_t> tokens);
  /// After feed(): the logits [vocab] of the next token of sequence `b`.
  void logits(int64_t b, std::span<double> out) const;

  /// Goes back to the first `length` tokens of each sequence. Throws Error(usage) where it is more
  /// than there are, or where a cache with a window has dropped what would be needed again, as a
  /// recurrent state has at once: then only to 0. Logits are there again after the next feed().
  void truncate(int64_t length);
  /// An independent session at the same place. The cache is copied, the weights are not.
  Session copy() const;

  int64_t length() const { return length_; }
  int64_t batch() const { return options_.batch; }
  int64_t context() const { return options_.context; }
  int64_t vocab() const { return model_->config.vocab; }
  const Model& model() const { return *model_; }
  /// Bytes of cache and recurrent states as allocated: those of the model's cache plan for this
  /// batch and context.
  int64_t cache_bytes() const;
  /// Bytes of working memory beside cache and weights.
  int64_t arena_bytes() const { return static_cast<int64_t>(built_.program.arena_bytes()); }

 private:
  void bind();
  void run_chunk(std::span<const int32_t> tokens, int64_t total, int64_t first, int64_t count);

  const Model* model_;
  SessionOptions options_;
  BuiltProgram built_;
  std::vector<Tensor> caches_;
  Tensor ids_;  // i32 [batch * chunk]
  int64_t length_ = 0;
  bool has_logits_ = false;
};

/// Why text of `length` tokens is beyond what this model can be expected to continue well: it is
/// longer than trained, and a position scheme of it does not extrapolate. "" where nothing is
/// wrong.
std::string extrapolation_warning(const ModelConfig& config, int64_t length);

}  // namespace weft
