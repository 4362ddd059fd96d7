// What follows from a configuration and its wirings: which heads are projected, which gains exist,
// which tensors the KV cache holds. Computed without allocating a weight.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "model/axes.h"
#include "model/config.h"
#include "model/wiring.h"

namespace weft {

/// A mix as it is executed: one interval of heads of one destination, non-overlapping, in
/// evaluation order. Aliases are already followed in its sources: a raw one is what the block
/// computes (a projection, the mixer's or the block's output), any other the output of the mix on
/// that tap. The term on the destination itself is always raw. Into o, query head h reads head
/// h / group of v.
struct ResolvedMix {
  Tap destination;
  Heads heads;  ///< explicit bounds
  std::vector<Term> terms;
  bool alias = false;  ///< one term, coefficient 1: nothing is computed, readers read the source
};

/// A learned gain tensor in f32: [rows, columns] of scalars ([n] where it has one column), [n]
/// logits and [1] their factor, [rows, heads, dim] and [rows, heads] of gates.
struct GainTensor {
  std::string name;  ///< "value-residual.gains"; the parameter is "model.wiring." + name
  Shape shape;
  std::vector<double> init;  ///< empty: zeros
};

/// Where a gain of a ResolvedMix lives.
struct GainRef {
  GainKind kind = GainKind::scalar;
  int tensor = -1;
  int64_t element = 0;  ///< of that tensor; a gate's first weight
  int companion = -1;   ///< tensor of a softmax group's factor, of the gates' biases
};

/// One head's storage in the cache: heads of (port, layer), raw or mixed, kept once for all their
/// readers.
struct CacheSlot {
  Port port = Port::k;
  int layer = 0;
  bool raw = false;
  std::vector<int> heads;  ///< which heads of that tap
  int64_t window = 0;      ///< longest window of its readers; 0: all
};

/// Where a layer reads the cached keys or values of one kv head.
struct CacheRef {
  int slot = -1;  ///< -1: nowhere, the layer keeps a recurrent state instead
  int head = 0;   ///< index within the slot's heads
};

/// What one sequence keeps in a recurrent layer, whatever its length: f32 (f64 in f64 programs).
struct RecurrentState {
  int layer = 0;
  Shape shape;
};

struct CachePlan {
  std::vector<CacheSlot> slots;
  /// [layer][key set * kv heads + kv head]; set 0 is what the layer itself reads, the others are
  /// those of Layout::extra_kv.
  std::vector<std::vector<CacheRef>> k, v;
  std::vector<RecurrentState> states;  ///< in the order of their layers

  /// Bytes that one more token costs while no window is full.
  int64_t bytes_per_token(int64_t head_dim, size_t element) const;
  /// Bytes of the recurrent states of one sequence, where a cached number has `element` bytes.
  int64_t fixed_bytes(size_t element) const;
  /// Bytes of the whole cache, states included, for one sequence of `context` tokens.
  int64_t bytes(int64_t head_dim, size_t element, int64_t context) const;
};

/// Where the final value of one head of a tap comes from, followed through aliases.
struct TapHead {
  int layer = 0;
  int head = 0;
  bool raw = true;  ///< the projection itself; false: the output of the mix on (port, layer)
  auto operator<=>(const TapHead&) const = default;
};

struct Layout {
  std::vector<ResolvedMix> mixes;  ///< in key order (layer, then x q k v o y)
  std::vector<GainTensor> gain_tensors;
  std::vector<GainRef> gains;  ///< Term::gain -> element
  /// [layer] kv heads that are projected there. Executions of one looped block project the same
  /// heads, or none where nothing reads theirs.
  std::vector<std::vector<int>> k_heads, v_heads;
  std::vector<std::vector<int>> extra_kv;  ///< [layer] layers whose keys and values it reads too
  std::vector<bool> kv_norm;               ///< [layer] k and v have a norm gain of their own
  CachePlan cache;
  std::vector<std::string> notes;  ///< what composition dropped or redirected, for `explain`

  /// The tensor that a reader of final(port, layer) head `head` reads. port: q, k or v.
  TapHead resolve(Port port, int layer, int head) const;
  /// The mixes written on one tap, by heads.
  std::span<const ResolvedMix> mixes_on(Port port, int layer) const;
  /// What gain `gain` of the terms is before training (a gate: where its input is 0).
  double first_gain(int gain) const;
  /// Sets of keys and values that a layer attends to: its own and those of other layers.
  int64_t key_sets(size_t layer) const { return 1 + static_cast<int64_t>(extra_kv[layer].size()); }
};

/// Checks the configuration and composes its wirings. Throws Error(config) with the wiring, layer,
/// port and heads, what was expected and what was found. The order of the wirings has no influence.
Layout derive_layout(const ModelConfig& config, const Axes& axes = Axes());

}  // namespace weft
