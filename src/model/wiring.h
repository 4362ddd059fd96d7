// Wiring is data: what a layer reads of other layers is a sparse affine mix of taps. Everything
// else (parameter shapes, gradients, cache plan, drawing) is derived from it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "model/config.h"

namespace weft {

/// Named points of a block: input, queries, keys, values, mixer output before Wo, block output.
enum class Port : uint8_t { x, q, k, v, o, y };

/// A point of the network. (y, -1) is the embedding, (x, layers) the input of the final norm.
/// `raw`: what the block computes; otherwise the value after the mix that is written on it.
struct Tap {
  Port port = Port::x;
  int layer = 0;
  bool raw = false;
  auto operator<=>(const Tap&) const = default;
};

/// Half open, in heads of the destination port (kv heads for k, v; query heads for q, o; x, y have
/// one).
struct Heads {
  int first = 0;
  int last = -1;  ///< -1: to the end
  bool operator==(const Heads&) const = default;
};

/// coefficient = scale * (gain < 0 ? 1 : complement ? 1 - g : g)
struct Term {
  Tap source;
  double scale = 1;
  int gain = -1;  ///< index into Wiring::gains
  bool complement = false;
  bool operator==(const Term&) const = default;
};

struct Mix {
  Tap destination;
  std::vector<Term> terms;
  Heads heads;
  std::string origin = {};  ///< where a user wrote it, for messages
};

enum class GainKind : uint8_t {
  scalar,          ///< an element of a parameter: g = init at the start
  softmax_member,  ///< g = factor * softmax over the elements of its tensor; the factor is learned
  gate  ///< g = sigmoid(n w_j + b_j), n the normed input of the destination's layer, j the
        ///< head: one number for each token and head; w = b = 0 at the start
};

/// One learned coefficient. Parameters, all under "model.wiring.":
///   scalar          <tensor>[row, column]
///   softmax_member  <tensor>.logits[row] and <tensor>.factor [1]
///   gate            <tensor>.weight[row] (heads, dim) and <tensor>.bias[row] (heads)
/// Rows that no mix reads any more after composition are dropped from the tensors.
struct Gain {
  GainKind kind = GainKind::scalar;
  std::string tensor;  ///< "<wiring>.<what>", e.g. "value-residual.gains"
  int row = 0;
  int column = 0;     ///< scalar only
  double init = 0;    ///< of the element or the logit
  double factor = 1;  ///< softmax_member: initial factor of the group
};

/// True cross-layer attention: `layer` attends to the final keys and values of `source` as well, at
/// the same positions, one set of weights over both.
struct ExtraKv {
  int layer = 0;
  int source = 0;
  auto operator<=>(const ExtraKv&) const = default;
};

struct Wiring {
  std::string name;
  std::vector<Mix> mixes = {};
  std::vector<Gain> gains = {};
  std::vector<ExtraKv> extra_kv = {};
  std::vector<int> split_norm = {};  ///< layers whose keys and values have a norm gain of their own
};

}  // namespace weft
