// Small matrices side by side as heat maps: colour for the sign, strength for the size.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lab/report/plot.h"

namespace weft::report {

struct HeatMap {
  std::string name;
  int64_t rows = 0, columns = 0;
  std::vector<double> values;  ///< [rows, columns]
};

/// Three maps side by side, or on a narrow page one. Every map has its own scale, of its entry
/// largest in size; entries are written into the cells of maps of at most 8 columns.
std::string heat_maps_svg(const std::string& title, const std::vector<HeatMap>& maps,
                          PlotShape shape = PlotShape::wide);
Drawing heat_maps_drawing(const std::string& title, const std::vector<HeatMap>& maps);

}  // namespace weft::report
