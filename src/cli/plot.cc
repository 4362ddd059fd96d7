#include "cli/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "model/svg.h"

namespace weft::cli {
namespace {

constexpr double kWidth = 680, kHeight = 380, kLeft = 70, kRight = 150, kTop = 44, kBottom = 52;
constexpr double kLabelHeight = 15;
// Told apart by the colour-blind, and at least 3 to 1 against white and near-black alike.
constexpr const char* kColours[] = {"#0a7bc2", "#d55e00", "#0b9a6d",
                                    "#b8639a", "#8a7a2c", "#7a6ff0"};
constexpr const char* kStyle =
    "text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-size:14px;font-weight:600}"
    ".grid{stroke:#8c959f;stroke-opacity:.3}.axis{stroke:#6e7781}"
    "@media(prefers-color-scheme:dark){text{fill:#d0d7de}}";

/// A number with its thousands apart: "16,384", "0.5".
std::string number(double x) {
  std::string text = fmt::format("{:g}", x);
  if (std::fabs(x) >= 1e15 || x != std::floor(x)) return text;
  text = fmt::format("{:.0f}", x);
  for (auto at = static_cast<int>(text.size()) - 3; at > (x < 0 ? 1 : 0); at -= 3) {
    text.insert(static_cast<size_t>(at), ",");
  }
  return text;
}

/// From values to pixels.
struct Axis {
  double low, high, from, to;
  bool logarithmic;

  double at(double value) const {
    const auto scaled = [this](double v) { return logarithmic ? std::log(v) : v; };
    return from + (scaled(value) - scaled(low)) / (scaled(high) - scaled(low)) * (to - from);
  }
};

template <class Value>
Axis axis_of(const Plot& plot, double from, double to, bool from_zero, Value&& value) {
  double low = 0, high = 1;
  bool any = false;
  for (const PlotLine& line : plot.lines) {
    for (const PlotPoint& p : line.points) {
      low = any ? std::min(low, value(p)) : value(p);
      high = any ? std::max(high, value(p)) : value(p);
      any = true;
    }
  }
  if (plot.logarithmic) {
    low /= 1.15, high *= 1.15;
  } else {
    const double room = (high - low) * 0.05;
    low = from_zero ? 0 : low - room;
    high += from_zero ? high * 0.08 : room;
  }
  if (!(high > low)) low -= 1, high += 1;
  return {low, high, from, to, plot.logarithmic};
}

void draw_axes(Svg& svg, const Plot& plot, const Axis& x, const Axis& y) {
  for (const double tick : axis_ticks(y.low, y.high, y.logarithmic)) {
    if (tick < y.low || tick > y.high) continue;
    svg.line(kLeft, y.at(tick), kWidth - kRight, y.at(tick), "class=\"grid\"");
    svg.text(kLeft - 8, y.at(tick) + 4, number(tick), "text-anchor=\"end\"");
  }
  svg.line(kLeft, y.from, kWidth - kRight, y.from, "class=\"axis\"");
  // What was measured is what is marked, where there is room for the number.
  std::set<double> marks;
  for (const PlotLine& line : plot.lines) {
    for (const PlotPoint& p : line.points) marks.insert(p.x);
  }
  double last = -1e9;
  for (const double mark : marks) {
    svg.line(x.at(mark), y.from, x.at(mark), y.from + 4, "class=\"axis\"");
    if (x.at(mark) - last < 46) continue;
    last = x.at(mark);
    svg.text(x.at(mark), y.from + 18, number(mark), "text-anchor=\"middle\"");
  }
  svg.text((kLeft + kWidth - kRight) / 2, kHeight - 12, plot.x_label, "text-anchor=\"middle\"");
  svg.text(kLeft - 54, kTop - 24, plot.title, "class=\"title\"");
  svg.text(kLeft - 54, kTop - 7, plot.y_label, "");
}

/// Where the names stand: beside the ends of their lines, moved apart where they would touch.
std::vector<double> label_heights(const Plot& plot, const Axis& y) {
  std::vector<size_t> order;
  std::vector<double> heights;
  for (size_t i = 0; i < plot.lines.size(); ++i) {
    order.push_back(i);
    heights.push_back(plot.lines[i].points.empty() ? y.from : y.at(plot.lines[i].points.back().y));
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return heights[a] < heights[b]; });
  for (size_t i = 1; i < order.size(); ++i) {
    heights[order[i]] = std::max(heights[order[i]], heights[order[i - 1]] + kLabelHeight);
  }
  return heights;
}

void draw_line(Svg& svg, const PlotLine& line, const char* colour, const Axis& x, const Axis& y) {
  const std::string stroke =
      fmt::format("stroke=\"{}\" stroke-width=\"2\" stroke-linecap=\"round\"", colour);
  for (size_t i = 0; i < line.points.size(); ++i) {
    const PlotPoint& p = line.points[i];
    if (i > 0) {
      const PlotPoint& q = line.points[i - 1];
      svg.line(x.at(q.x), y.at(q.y), x.at(p.x), y.at(p.y), stroke);
    }
    svg.circle(x.at(p.x), y.at(p.y), 3, fmt::format("fill=\"{}\"", colour));
  }
}

std::string description(const Plot& plot) {
  std::string text = plot.y_label + " against " + plot.x_label + ".";
  for (const PlotLine& line : plot.lines) {
    text += " " + line.name + ":";
    for (const PlotPoint& p : line.points) text += fmt::format(" {:g} at {:g},", p.y, p.x);
    text.back() = '.';
  }
  return text;
}

}  // namespace

std::vector<double> axis_ticks(double low, double high, bool logarithmic) {
  std::vector<double> ticks;
  if (!(high > low)) return ticks;
  if (logarithmic) {
    for (int power = static_cast<int>(std::floor(std::log10(low)));
         power <= static_cast<int>(std::ceil(std::log10(high))); ++power) {
      for (const double digit : {1.0, 2.0, 5.0}) {
        // Read from text, so that 0.001 is the number that it is written as.
        const double tick = std::stod(fmt::format("{}e{}", digit, power));
        if (tick >= low && tick <= high) ticks.push_back(tick);
      }
    }
    // Over many decades the powers of ten suffice.
    if (ticks.size() > 9) {
      std::erase_if(ticks, [](double t) {
        const double power = std::log10(t);
        return std::fabs(power - std::round(power)) > 1e-9;
      });
    }
    return ticks;
  }
  const double rough = high / 5, power = std::pow(10, std::floor(std::log10(rough)));
  const double step = power * (rough / power < 1.5   ? 1
                               : rough / power < 3.5 ? 2
                               : rough / power < 7.5 ? 5
                                                     : 10);
  for (int i = 0; i * step <= high; ++i) ticks.push_back(i * step);
  return ticks;
}

std::string plot_svg(const Plot& plot) {
  const Axis x =
      axis_of(plot, kLeft, kWidth - kRight, false, [](const PlotPoint& p) { return p.x; });
  const Axis y =
      axis_of(plot, kHeight - kBottom, kTop, true, [](const PlotPoint& p) { return p.y; });
  Svg svg;
  draw_axes(svg, plot, x, y);
  const std::vector<double> heights = label_heights(plot, y);
  for (size_t i = 0; i < plot.lines.size(); ++i) {
    const char* const colour = kColours[i % std::size(kColours)];
    draw_line(svg, plot.lines[i], colour, x, y);
    const double end =
        plot.lines[i].points.empty() ? kWidth - kRight : x.at(plot.lines[i].points.back().x);
    svg.text(end + 10, heights[i] + 4, plot.lines[i].name,
             fmt::format("style=\"fill:{};font-weight:600\"", colour));
  }
  return svg.document(kWidth, kHeight, plot.title, description(plot), kStyle);
}

}  // namespace weft::cli
