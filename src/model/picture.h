// The wiring as a picture: layers side by side, their keys and values as strips of heads, what they
// read of other layers as curves.
#pragma once

#include <string>

#include "model/config.h"
#include "model/explain.h"
#include "model/layout.h"

namespace weft {

/// A self-contained SVG document that is readable on light and dark backgrounds. Every layer has a
/// colour; a head in another layer's colour is read from there. Curves are as wide as their
/// coefficients, learned ones (broken) as they begin.
std::string wiring_picture(const ModelConfig& config, const Layout& layout,
                           const Explanation& explanation);

}  // namespace weft
