#include "lab/report/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace weft::report {
namespace {

/// The least and greatest of the values that an axis can show.
struct Extent {
  bool logarithmic;
  double low = 0, high = 0;
  bool any = false;

  void add(double value) {
    if (!std::isfinite(value) || (logarithmic && value <= 0)) return;
    low = any ? std::min(low, value) : value;
    high = any ? std::max(high, value) : value;
    any = true;
  }
};

struct Extents {
  Extent x, y;

  void add(double at_x, double at_y) {
    // A point that one axis cannot show does not stretch the other.
    if (!std::isfinite(at_x) || !std::isfinite(at_y)) return;
    if ((x.logarithmic && at_x <= 0) || (y.logarithmic && at_y <= 0)) return;
    x.add(at_x);
    y.add(at_y);
  }
};

Extents extents_of(const Plot& plot) {
  Extents e{{plot.log_x}, {plot.log_y}};
  for (const PlotLine& line : plot.lines) {
    for (const PlotPoint& p : line.points) e.add(p.x, p.y);
  }
  for (const PlotDots& dots : plot.dots) {
    for (const PlotPoint& p : dots.points) e.add(p.x, p.y);
  }
  for (const PlotBand& band : plot.bands) {
    for (size_t i = 0; i < band.x.size(); ++i) e.add(band.x[i], band.high[i]);
  }
  for (const PlotBars& bars : plot.bars) {
    for (size_t i = 0; i < bars.heights.size(); ++i) {
      e.add(bars.edges[i], bars.heights[i]);
      e.add(bars.edges[i + 1], bars.heights[i]);
    }
  }
  return e;
}

Axis axis(const Extent& extent, double from, double to, bool from_zero) {
  double low = extent.any ? extent.low : extent.logarithmic ? 1 : 0;
  double high = extent.any ? extent.high : extent.logarithmic ? 10 : 1;
  if (extent.logarithmic) {
    low /= 1.15, high *= 1.15;
  } else {
    const double room = (high - low) * 0.05;
    low = from_zero && low >= 0 ? 0 : low - room;
    high += from_zero ? high * 0.08 : room;
  }
  if (!(high > low)) low -= 1, high += 1;
  return {low, high, from, to, extent.logarithmic};
}

/// What is marked below: the measured values where a plot has few, round numbers otherwise.
std::vector<double> x_marks(const Plot& plot, const Axis& x) {
  std::set<double> marks;
  for (const PlotLine& line : plot.lines) {
    for (const PlotPoint& p : line.points) {
      if (x.shows(p.x)) marks.insert(p.x);
    }
  }
  if (!marks.empty() && marks.size() <= 12 && plot.dots.empty() && plot.bars.empty()) {
    return {marks.begin(), marks.end()};
  }
  return axis_ticks(x.low, x.high, x.logarithmic);
}

}  // namespace

bool Axis::shows(double value) const {
  return std::isfinite(value) && (!logarithmic || value > 0);
}

double Axis::at(double value) const {
  const auto scaled = [this](double v) { return logarithmic ? std::log(v) : v; };
  return from + (scaled(value) - scaled(low)) / (scaled(high) - scaled(low)) * (to - from);
}

Axes axes_of(const Plot& plot) {
  const Extents e = extents_of(plot);
  return {axis(e.x, kLeft, kWidth - kRight, false),
          axis(e.y, kHeight - kBottom, kTop, plot.from_zero)};
}

void draw_axes(Svg& svg, const Plot& plot, const Axes& axes) {
  const auto& [x, y] = axes;
  for (const double tick : axis_ticks(y.low, y.high, y.logarithmic)) {
    if (tick < y.low || tick > y.high) continue;
    svg.line(kLeft, y.at(tick), kWidth - kRight, y.at(tick), "class=\"grid\"");
    svg.text(kLeft - 8, y.at(tick) + 4, axis_number(tick), "text-anchor=\"end\"");
  }
  svg.line(kLeft, y.from, kWidth - kRight, y.from, "class=\"axis\"");
  double last = -1e9;
  for (const double mark : x_marks(plot, x)) {
    svg.line(x.at(mark), y.from, x.at(mark), y.from + 4, "class=\"axis\"");
    if (x.at(mark) - last < 46) continue;
    last = x.at(mark);
    svg.text(x.at(mark), y.from + 18, axis_number(mark), "text-anchor=\"middle\"");
  }
  svg.text((kLeft + kWidth - kRight) / 2, kHeight - 12, plot.x_label, "text-anchor=\"middle\"");
  svg.text(kLeft - 54, kTop - 34, plot.title, "class=\"title\"");
  svg.text(kLeft - 54, kTop - 17, plot.y_label, "");
}

std::vector<double> axis_ticks(double low, double high, bool logarithmic) {
  std::vector<double> ticks;
  if (!(high > low) || (logarithmic && low <= 0)) return ticks;
  if (logarithmic) {
    for (int power = static_cast<int>(std::floor(std::log10(low)));
         power <= static_cast<int>(std::ceil(std::log10(high))); ++power) {
      for (const double digit : {1.0, 2.0, 5.0}) {
        // Read from text, so that 0.001 is the number that it is written as.
        const double tick = std::stod(fmt::format("{}e{}", digit, power));
        if (tick >= low && tick <= high) ticks.push_back(tick);
      }
    }
    // Over many decades the powers of ten suffice, and over very many some of them.
    if (ticks.size() > 9) {
      const double every = std::ceil(std::log10(high / low) / 9);
      std::erase_if(ticks, [&](double t) {
        const double power = std::log10(t), whole = std::round(power);
        return std::fabs(power - whole) > 1e-9 || std::fmod(std::fabs(whole), every) != 0;
      });
    }
    return ticks;
  }
  const double rough = (high - low) / 5, power = std::pow(10, std::floor(std::log10(rough)));
  const double step = power * (rough / power < 1.5   ? 1
                               : rough / power < 3.5 ? 2
                               : rough / power < 7.5 ? 5
                                                     : 10);
  for (double i = std::ceil(low / step - 1e-9); i * step <= high; ++i) {
    ticks.push_back(i == 0 ? 0 : i * step);
  }
  return ticks;
}

std::string axis_number(double x) {
  std::string text = fmt::format("{:g}", x);
  if (std::fabs(x) >= 1e15 || x != std::floor(x)) {
    for (const std::string_view zero : {"e-0", "e+0"}) {
      if (const size_t at = text.find(zero); at != std::string::npos) text.erase(at + 2, 1);
    }
    return text;
  }
  text = fmt::format("{:.0f}", x);
  for (auto at = static_cast<int>(text.size()) - 3; at > (x < 0 ? 1 : 0); at -= 3) {
    text.insert(static_cast<size_t>(at), ",");
  }
  return text;
}

}  // namespace weft::report
