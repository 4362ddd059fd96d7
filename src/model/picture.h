// The wiring as a picture: layers side by side, their keys and values as strips of heads, what they
// read of other layers as curves.
#pragma once

#include <string>

#include "model/config.h"
#include "model/explain.h"
#include "model/layout.h"

namespace weft {

/// What a picture is of, beside its configuration.
struct PictureSubject {
  std::string name = {};  ///< of the file or the run; empty: a design by itself
  bool trained = false;   ///< the layout holds learned coefficients (set_gains)
};

/// A self-contained SVG document that is readable on light and dark backgrounds. Every layer has a
/// colour; a head in another layer's colour is read from there. Curves are as wide as their
/// coefficients, learned ones (broken) as they begin or were trained, with their values in rows
/// below. More layers than fit beside each other are folded into several rows.
std::string wiring_picture(const ModelConfig& config, const Layout& layout,
                           const Explanation& explanation, const PictureSubject& subject = {});

}  // namespace weft
