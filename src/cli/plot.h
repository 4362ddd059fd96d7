// Line plots as SVG: labelled axes, names at the ends of the lines, readable on white and dark.
#pragma once

#include <string>
#include <vector>

namespace weft::cli {

struct PlotPoint {
  double x = 0, y = 0;
};

struct PlotLine {
  std::string name;
  std::vector<PlotPoint> points;  ///< by increasing x
};

struct Plot {
  std::string title, x_label, y_label;
  bool logarithmic = true;  ///< both axes; otherwise linear, y from 0
  std::vector<PlotLine> lines;
};

/// The whole document. Values must be finite, and positive on logarithmic axes.
std::string plot_svg(const Plot& plot);

/// Round numbers that cover [low, high]: 1, 2, 5 times powers of ten within it on a logarithmic
/// axis, otherwise about five steps up from 0.
std::vector<double> axis_ticks(double low, double high, bool logarithmic);

}  // namespace weft::cli
