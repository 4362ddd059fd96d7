// The stack of softmax and rope as loops in double, written from its formulas and sharing no code
// with the engine. Wirings are added by a function over the keys and values of all layers.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/parameters.h"

namespace weft::grid {

using Rows = std::vector<double>;          // [time, head_dim] of one head
using LayerRows = std::vector<Rows>;       // by kv head
using StackRows = std::vector<LayerRows>;  // by layer

/// Keys (rotated) and values of the layers so far: as projected, and as the mixer reads them.
/// Heads whose projection does not exist are NaN.
struct KeysAndValues {
  StackRows raw_k, raw_v, k, v;
};

/// Rewrites k[layer] and v[layer], which hold the raw ones when it is called.
using Rewire = std::function<void(int layer, KeysAndValues&)>;

class PlainModel {
 public:
  /// The weights must be f64 and outlive the model. Where heads are missing from them, `rewire` has
  /// to fill in.
  PlainModel(const ModelConfig& config, const Parameters& weights, Rewire rewire = {});

  /// Logits [time, vocab] of one sequence whose first token stands at `first_position`.
  std::vector<double> logits(std::span<const int32_t> tokens, int64_t first_position = 0);
  /// Mean over the sequences [batch, time] of -log p(label), negative labels left out.
  double loss(std::span<const int32_t> tokens, std::span<const int32_t> labels, int64_t time);
  /// Of the last sequence.
  const KeysAndValues& taps() const { return taps_; }

 private:
  std::span<const double> weight(const std::string& name) const;
  std::vector<double> normed(const std::vector<double>& x, const std::string& name) const;
  void project(int layer, char port, const std::vector<double>& n, int64_t first_position);
  std::vector<double> attend(int layer, const std::vector<double>& n, int64_t first_position) const;
  void block(int layer, std::vector<double>& x, int64_t first_position);

  const ModelConfig& config_;
  const Parameters& weights_;
  Rewire rewire_;
  KeysAndValues taps_;
};

}  // namespace weft::grid
