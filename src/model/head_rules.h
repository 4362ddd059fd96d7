// The working form of a wiring while it is checked and composed: one rule for each interval of
// heads of a destination (head_intervals.h), under its first head.
#pragma once

#include <compare>
#include <map>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/layout.h"
#include "model/wiring.h"

namespace weft {

/// One head of a port of a layer; ordered as taps are evaluated.
struct HeadTap {
  int layer = 0;
  Port port = Port::x;
  int head = 0;
  auto operator<=>(const HeadTap&) const = default;
};

struct HeadRule {
  std::vector<Term> terms;
  int wiring = 0;  ///< index into the list of wirings
};

using HeadRules = std::map<HeadTap, HeadRule>;

/// The tensor that a term reads on one head. raw: what the block computes.
struct HeadTensor {
  Port port = Port::x;
  int layer = 0;
  int head = 0;
  bool raw = false;
  auto operator<=>(const HeadTensor&) const = default;
};

inline const LayerConfig& layer_of(const ModelConfig& config, int layer) {
  return config.layer[static_cast<size_t>(layer)];
}

/// Heads of a port: kv heads for k and v, query heads for q and o, 1 for x and y.
inline int head_count(const ModelConfig& config, Port port, int layer) {
  if (port == Port::x || port == Port::y) return 1;
  if (port == Port::q || port == Port::o) return static_cast<int>(config.heads);
  return static_cast<int>(layer_of(config, layer).kv_heads);
}

inline bool same_place(const HeadTap& destination, const Tap& source) {
  return destination.port == source.port && destination.layer == source.layer;
}

/// One term, constant coefficient 1, same port, another layer: nothing is computed.
inline bool is_alias(const HeadTap& destination, const HeadRule& rule) {
  if (rule.terms.size() != 1) return false;
  const Term& t = rule.terms.front();
  return t.gain < 0 && t.scale == 1 && t.source.port == destination.port &&
         t.source.layer != destination.layer;
}

const char* name_of(Port port);
/// "layer 3, v, heads 2-5" (or "head 2").
std::string describe(const Tap& tap, const Heads& heads);
std::string describe(const HeadTap& tap);

}  // namespace weft
