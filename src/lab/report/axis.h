// The axes of a plot: what they cover, and where a value lies in pixels.
#pragma once

#include <string>
#include <vector>

#include "lab/report/plot.h"
#include "model/svg.h"

namespace weft::report {

/// Where the parts of a plot lie, in pixels.
struct PlotFrame {
  double width, height;
  double left, right, top, bottom;          ///< margins around the axes
  std::vector<std::string> title, y_label;  ///< in lines that fit
  bool names_below;                         ///< of lines: below the plot, not at their ends
};
PlotFrame frame_of(const Plot& plot, PlotShape shape);

/// The names that a plot shows, in the order of their colours: lines, dots, bars.
struct PlotName {
  std::string text;
  int colour;
};
std::vector<PlotName> names_of(const Plot& plot);
/// Where each name stands below a plot: across from the left edge of the frame, and its row.
struct NamePlace {
  double x;
  int row;
};
std::vector<NamePlace> places_below(const std::vector<PlotName>& names, double width);

/// From values to pixels.
struct Axis {
  double low, high, from, to;
  bool logarithmic;

  bool shows(double value) const;
  double at(double value) const;
};

struct Axes {
  Axis x, y;

  bool shows(const PlotPoint& p) const { return x.shows(p.x) && y.shows(p.y); }
};
Axes axes_of(const Plot& plot, const PlotFrame& frame);

void draw_axes(Svg& svg, const Plot& plot, const Axes& axes, const PlotFrame& frame);

}  // namespace weft::report
