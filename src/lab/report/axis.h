// The axes of a plot: what they cover, and where a value lies in pixels.
#pragma once

#include "lab/report/plot.h"
#include "model/svg.h"

namespace weft::report {

inline constexpr double kWidth = 680, kHeight = 390, kLeft = 70, kRight = 150, kTop = 54,
                        kBottom = 52;

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
Axes axes_of(const Plot& plot);

void draw_axes(Svg& svg, const Plot& plot, const Axes& axes);

}  // namespace weft::report
