// Runs a tiny model in one mode and type, on poisoned memory.
#pragma once

#include <vector>

#include "model/builder.h"
#include "model/layout.h"

namespace weft::checks {

/// Sizes of every run: 2 sequences of 9 tokens, so that odd chunks and two documents fit.
inline constexpr int64_t kBatch = 2, kTime = 9;

/// Random values for every parameter, large enough that nothing is near its neutral setting. A head
/// has the same weights whichever other heads are projected. `draw`: which of many.
Parameters random_parameters(const ModelConfig& config, const Layout& layout, DType dtype,
                             const Axes& axes = Axes(), int draw = 0);

/// Token ids [batch, time] and next-token labels, some of them missing.
std::vector<int32_t> random_tokens(const ModelConfig& config, int64_t count, const char* name);

struct RunnerOptions {
  Mode mode = Mode::train;
  DType dtype = DType::f64;
  int threads = 1;
  Isa isa = best_isa();
  bool recompute = false;
  int64_t time = kTime;
  Axes axes = {};
};

class Runner {
 public:
  /// `parameters` must have what the type reads, and outlive the runner.
  Runner(const ModelConfig& config, const Layout& layout, Parameters& parameters,
         const RunnerOptions& options);

  /// Runs on `time` tokens of each sequence, after `past` others; the arena is poisoned first.
  /// `first_key` [batch, time]: packed documents; null: one document a sequence.
  void run(const std::vector<int32_t>& tokens, int64_t time, int64_t past = 0,
           const int32_t* first_key = nullptr);

  double loss() const { return *built_.program.value(built_.loss).as<double>(); }
  /// [batch * time, vocab] or, with a cache, [batch, vocab].
  Tensor logits(int64_t rows) const;
  /// Gradient of a parameter by its number in the list; an empty tensor where it is not used.
  const Tensor& gradient(int parameter) const { return gradients_[static_cast<size_t>(parameter)]; }
  size_t state_bytes() const;
  size_t states() const { return states_.size(); }
  /// Cache of a slot of the layout, [batch, heads, capacity, head_dim].
  TensorView state(size_t slot) const { return states_[slot].view(); }
  /// Labels of the loss, [batch, time].
  const std::vector<int32_t>& labels() const { return labels_; }

 private:
  int64_t vocab_;
  size_t slots_;  ///< of the cache; states after them are recurrent
  BuiltProgram built_;
  std::vector<int32_t> tokens_, labels_;
  std::vector<Tensor> gradients_, states_;
};

}  // namespace weft::checks
