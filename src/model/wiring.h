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
};

enum class GainKind : uint8_t { scalar };

/// One learned coefficient: an element of a parameter tensor "model.wiring.<wiring>.<what>".
struct Gain {
  GainKind kind = GainKind::scalar;
  std::string tensor;  ///< "<wiring>.<what>", e.g. "value-residual.gains"
  int row = 0;  ///< rows that no mix reads any more after composition are dropped from the tensor
  int column = 0;
  double init = 0;
};

struct Wiring {
  std::string name;
  std::vector<Mix> mixes;
  std::vector<Gain> gains;
};

}  // namespace weft
