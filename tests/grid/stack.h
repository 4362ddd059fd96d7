// Models of the grid whose weights are edited and carried from one to another, so that two designs
// can be held against each other.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "grid/cells.h"
#include "grid/plain_model.h"
#include "lab/checks/runner.h"

namespace weft::grid {

/// A configuration, what follows from it, and random weights.
struct Stack {
  explicit Stack(const ModelConfig& model, DType type = DType::f64, const Axes& known = Axes());
  /// The same, with the weights of another model where it has them.
  Stack(const ModelConfig& model, const Stack& from, const Axes& known = Axes());

  /// Replaces every element: f(index, old value).
  void edit(const std::string& name, const std::function<double(int64_t, double)>& f);
  void zero(const std::string& name) {
    edit(name, [](int64_t, double) { return 0; });
  }
  /// Copies one tensor onto another of its shape.
  void tie(const std::string& from, const std::string& to);

  std::vector<int32_t> tokens() const { return random_tokens(config, kBatch * kTime, "tokens"); }
  /// Logits [batch * time, vocab], without a cache.
  Tensor logits(const std::vector<int32_t>& ids);
  Tensor logits() { return logits(tokens()); }
  Runner runner(Mode mode);

  Axes axes;
  ModelConfig config;
  Layout layout;
  DType dtype;
  Parameters weights;
};

/// "model.layers.2.self_attn.v_proj.weight" of (2, "self_attn.v_proj").
std::string weight_name(int layer, const std::string& part);

/// Copies the parameters that both models have. A projection with some of its heads takes head h
/// from head `source(h)` of the other; null: from the same.
void copy_weights(const Parameters& from, Parameters& to,
                  const std::function<int(int)>& source = nullptr);

/// Relative difference of all elements together.
double difference(const Tensor& a, const Tensor& b);

/// Holds the engine, in double, against the loops; `wiring` is the independent definition of the
/// wirings of the configuration.
void expect_like_loops(Stack& stack, const Loops& wiring);

/// Expects training (loss and gradients) and decoding of two models to be equal bit by bit.
void expect_same_bits(const ModelConfig& a, const ModelConfig& b, const Axes& axes = Axes());

}  // namespace weft::grid
