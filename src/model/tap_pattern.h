// How a user spells the taps of an own wiring: "v[0]", "x[1..L]", "y[-1..l-1]".
#pragma once

#include <string>
#include <string_view>

#include "model/wiring.h"

namespace weft {

/// A layer: a number, or the destination's (l) or the number of executed layers (L) minus one.
struct LayerExpression {
  enum class Base : uint8_t { number, destination, depth };
  Base base = Base::number;
  int offset = 0;  ///< added to the base; the number itself

  int at(int destination, int depth) const;
};

/// Layers of one port, both ends counted.
struct TapPattern {
  Port port = Port::x;
  LayerExpression first, last;
  bool range = false;  ///< written with "..", even if it holds one layer
  bool open = false;   ///< "1..": to the last layer of the port; `last` means nothing
  int step = 1;
};

/// "v[1..]", "v[3]", "v[2..5]", "x[L]", "x[2..:2]": what a mix is written on. Throws Error(config)
/// at `where` with the text and what was expected in it.
TapPattern parse_destination(std::string_view text, const std::string& where);
/// "v[0]", "v[l-1]", "y[-1..l-1]": what a term reads.
TapPattern parse_source(std::string_view text, const std::string& where);

}  // namespace weft
