// The stack of softmax and rope as loops in double, written from its formulas and sharing no code
// with the engine. Wirings are added by functions over the taps of all layers.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "model/config.h"
#include "model/parameters.h"

namespace weft::grid {

using Rows = std::vector<double>;          // [time, head_dim] of one head
using LayerRows = std::vector<Rows>;       // by kv head
using StackRows = std::vector<LayerRows>;  // by layer

/// What the layers so far have computed, and what is read of it in its place. Heads whose
/// projection does not exist are NaN.
struct KeysAndValues {
  StackRows raw_k, raw_v, k, v;  // keys rotated; as projected, and as the mixer reads them
  StackRows raw_q, q, raw_o, o;  // by query head; queries rotated, o before its projection
  std::vector<Rows> n;           // [layer], normed input [time, dim]
  std::vector<Rows> y;           // [1 + layer], the embedding and the blocks' outputs
  std::vector<Rows> x;           // [layer], the blocks' inputs and that of the final norm
  std::vector<std::vector<int>>
      extra;  // [layer], layers whose k and v it attends to beside its own
};

/// Rewrites taps of a layer that hold the block's own values when it is called.
using Rewire = std::function<void(int layer, KeysAndValues&)>;

/// A wiring as loops.
struct Loops {
  Rewire projections;  ///< q, k, v and extra
  Rewire outputs;      ///< o
  Rewire inputs;       ///< x, also of the final norm (layer = config.layers)
  Loops() = default;
  template <class F>
  requires std::is_invocable_v<F, int, KeysAndValues&> Loops(F f)
      : projections(std::move(f)) {}  // NOLINT: most wirings are about k and v
};

class PlainModel {
 public:
  /// The weights must be f64 and outlive the model. Where heads are missing from them,
  /// `wiring` has to fill in.
  PlainModel(const ModelConfig& config, const Parameters& weights, Loops wiring = {});

  /// Logits [time, vocab] of one sequence whose first token stands at `first_position`.
  std::vector<double> logits(std::span<const int32_t> tokens, int64_t first_position = 0);
  /// Mean over the sequences [batch, time] of -log p(label), negative labels left out.
  double loss(std::span<const int32_t> tokens, std::span<const int32_t> labels, int64_t time);
  /// Of the last sequence.
  const KeysAndValues& taps() const { return taps_; }

 private:
  std::span<const double> weight(const std::string& name) const;
  std::vector<double> normed(const std::vector<double>& x, const std::string& name) const;
  LayerRows project(int layer, char port, const Rows& n, int64_t first_position) const;
  LayerRows attend(int layer, int64_t time) const;
  Rows input(int layer);
  void block(int layer, int64_t first_position);

  const ModelConfig& config_;
  const Parameters& weights_;
  Loops wiring_;
  KeysAndValues taps_;
};

}  // namespace weft::grid
