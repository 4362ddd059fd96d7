// What stands below the picture of a wiring: the formulas, what composition changed, what the signs
// mean.
#pragma once

#include "model/config.h"
#include "model/layout.h"
#include "model/picture_band.h"
#include "model/svg.h"

namespace weft {

/// Each draws from `y` down, between the columns' left edge and `right`, and returns where it ends.
double draw_formulas(Svg& svg, const ModelConfig& config, const Layout& layout,
                     const PictureGrid& grid, double y);
double draw_legend(Svg& svg, const Layout& layout, const PictureGrid& grid, double right, double y);

}  // namespace weft
