// Plots as SVG: lines, bands, dots and bars on labelled axes, readable on white and dark.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weft::report {

struct PlotPoint {
  double x = 0, y = 0;
};

/// Values that are not finite, and not positive on a logarithmic axis, interrupt a line.
struct PlotLine {
  std::string name = {};               ///< stands at its end; empty: nowhere
  std::vector<PlotPoint> points = {};  ///< by increasing x
  bool marked = true;                  ///< a circle at every point
  bool dashed = false;
  int colour = -1;  ///< of the palette; negative: the line's place among the lines
};

/// Between two curves.
struct PlotBand {
  std::vector<double> x = {}, low = {}, high = {};  ///< of one length
  int colour = 0;
};

/// A cloud of points. What cannot be drawn is left out.
struct PlotDots {
  std::string name = {};
  std::vector<PlotPoint> points = {};
  /// Whether early points are pale and late ones dark: a path through the plane.
  bool shaded = false;
  int colour = 0;
};

/// A histogram.
struct PlotBars {
  std::string name = {};
  std::vector<double> edges = {}, heights = {};  ///< [bars + 1] and [bars]
  int colour = 0;
};

struct Plot {
  std::string title, x_label, y_label;
  bool log_x = false, log_y = false;
  bool from_zero = true;  ///< a linear y axis begins at 0
  std::vector<PlotLine> lines = {};
  std::vector<PlotBand> bands = {};
  std::vector<PlotDots> dots = {};
  std::vector<PlotBars> bars = {};
};

/// For a page, with the names of lines at their ends; or for a telephone, 328 pixels wide, with the
/// names below. No text is cut in either.
enum class PlotShape : uint8_t { wide, narrow };

/// The whole document.
std::string plot_svg(const Plot& plot, PlotShape shape = PlotShape::wide);

/// A figure in both shapes, of which a report shows the one that fits.
struct Drawing {
  std::string wide, narrow;
};
Drawing drawing_of(const Plot& plot);

/// Round numbers that cover [low, high]: 1, 2, 5 times powers of ten within it on a logarithmic
/// axis, otherwise about five steps.
std::vector<double> axis_ticks(double low, double high, bool logarithmic);
/// A number with its thousands apart: "16,384", "0.5", "1e-5".
std::string axis_number(double x);

/// Told apart by the colour-blind, and at least 3 to 1 against white and near-black alike. Any
/// index.
const char* palette(int index);

}  // namespace weft::report
