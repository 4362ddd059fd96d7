#include "lab/report/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "model/picture_text.h"

namespace weft::report {
namespace {

constexpr PictureFace kText{6.6, 16, ""}, kName{9, 16, ""}, kTitle{8.4, 18, "class=\"title\""};
constexpr double kSwatch = 22;  // pixels of a sample line before a name

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

std::vector<PlotName> names_of(const Plot& plot) {
  std::vector<PlotName> names;
  for (size_t i = 0; i < plot.lines.size(); ++i) {
    const PlotLine& line = plot.lines[i];
    if (line.name.empty()) continue;
    names.push_back({line.name, line.colour >= 0 ? line.colour : static_cast<int>(i)});
  }
  for (const PlotDots& dots : plot.dots) {
    if (!dots.name.empty()) names.push_back({dots.name, dots.colour});
  }
  for (const PlotBars& bars : plot.bars) {
    if (!bars.name.empty()) names.push_back({bars.name, bars.colour});
  }
  return names;
}

std::vector<NamePlace> places_below(const std::vector<PlotName>& names, double width) {
  std::vector<NamePlace> places;
  double x = 0;
  int row = 0;
  for (const PlotName& name : names) {
    const double wide = kSwatch + width_of(name.text, kName);
    if (x > 0 && x + wide > width) {
      x = 0;
      ++row;
    }
    places.push_back({x, row});
    x += wide + 14;
  }
  return places;
}

namespace {

// What it is below: the middle of the axes, in a narrow plot that of the page.
double middle_of(const PlotFrame& f) {
  return f.names_below ? f.width / 2 : (f.left + f.width - f.right) / 2;
}

std::vector<std::string> x_label_of(const Plot& plot, const PlotFrame& f) {
  const double middle = middle_of(f);
  return broken(plot.x_label, 2 * std::min(middle, f.width - middle) - 4, kText);
}

}  // namespace

PlotFrame frame_of(const Plot& plot, PlotShape shape) {
  const bool narrow = shape == PlotShape::narrow;
  PlotFrame f = narrow ? PlotFrame{328, 0, 54, 12, 0, 52, {}, {}, true}
                       : PlotFrame{680, 390, 70, 150, 0, 52, {}, {}, false};
  const std::vector<PlotName> names = names_of(plot);
  // Names at the ends of lines make the page wider, not the axes narrower.
  if (!narrow) {
    for (const PlotName& name : names) {
      const double room = width_of(name.text, kName) + 14;
      f.width += std::max(0.0, room - f.right);
      f.right = std::max(f.right, room);
    }
  }
  const double text = f.width - (narrow ? 4 : 20);
  f.title = broken(plot.title, text, kTitle);
  f.y_label = broken(plot.y_label, text, kText);
  f.top = 19 + kTitle.line * static_cast<double>(f.title.size()) +
          kText.line * static_cast<double>(f.y_label.size());
  if (narrow) {
    const std::vector<NamePlace> places = places_below(names, f.width);
    if (!places.empty()) f.bottom += 6 + kText.line * (places.back().row + 1);
  }
  f.bottom += kText.line * static_cast<double>(x_label_of(plot, f).size() - 1);
  f.height = f.top + f.bottom + (narrow ? 200 : 284);
  return f;
}

Axes axes_of(const Plot& plot, const PlotFrame& f) {
  const Extents e = extents_of(plot);
  return {axis(e.x, f.left, f.width - f.right, false),
          axis(e.y, f.height - f.bottom, f.top, plot.from_zero)};
}

void draw_axes(Svg& svg, const Plot& plot, const Axes& axes, const PlotFrame& f) {
  const auto& [x, y] = axes;
  const double right = f.width - f.right;
  for (const double tick : axis_ticks(y.low, y.high, y.logarithmic)) {
    if (tick < y.low || tick > y.high) continue;
    svg.line(f.left, y.at(tick), right, y.at(tick), "class=\"grid\"");
    svg.text(f.left - 8, y.at(tick) + 4, axis_number(tick), "text-anchor=\"end\"");
  }
  svg.line(f.left, y.from, right, y.from, "class=\"axis\"");
  double free = -1e9;  // where the next number may begin
  for (const double mark : x_marks(plot, x)) {
    svg.line(x.at(mark), y.from, x.at(mark), y.from + 4, "class=\"axis\"");
    const std::string number = axis_number(mark);
    const double wide = width_of(number, kText);
    // The last number of a narrow plot leans inwards.
    const double centre = std::min(x.at(mark), f.width - wide / 2);
    if (centre - wide / 2 < free) continue;
    free = centre + std::max(wide / 2 + 6, 46 - wide / 2);
    svg.text(centre, y.from + 18, number, "text-anchor=\"middle\"");
  }
  double below = y.from + 40;
  const double middle = middle_of(f);
  for (const std::string& line : x_label_of(plot, f)) {
    svg.text(middle, below, line, "text-anchor=\"middle\"");
    below += kText.line;
  }
  double above = 20;
  const double edge = f.names_below ? 2 : f.left - 54;
  for (const std::string& line : f.title) {
    svg.text(edge, above, line, kTitle.look);
    above += kTitle.line;
  }
  for (const std::string& line : f.y_label) {
    svg.text(edge, above - 1, line, kText.look);
    above += kText.line;
  }
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
