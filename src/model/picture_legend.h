// What stands below the picture of a wiring: the formulas, what composition changed, what the signs
// mean.
#pragma once

#include "model/config.h"
#include "model/layout.h"
#include "model/picture_gains.h"
#include "model/picture_grid.h"
#include "model/svg.h"

namespace weft {

/// Where it stands.
struct PictureFrame {
  double left, right;
  const PictureGrid& grid;
};

/// Each draws from `y` down and returns where it ends. `trained`: coefficients are not those of the
/// beginning.
double draw_formulas(Svg& svg, const ModelConfig& config, const Layout& layout,
                     const PictureFrame& frame, double y);
double draw_legend(Svg& svg, const Layout& layout, const PictureGains& gains, bool trained,
                   const PictureFrame& frame, double y);

}  // namespace weft
