#include "lab/report/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lab/report/axis.h"
#include "model/svg.h"

namespace weft::report {
namespace {

constexpr double kLabelHeight = 15;
constexpr const char* kColours[] = {"#0a7bc2", "#d55e00", "#0b9a6d",
                                    "#b8639a", "#8a7a2c", "#7a6ff0"};
constexpr const char* kStyle =
    "text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-size:14px;font-weight:600}"
    ".grid{stroke:#8c959f;stroke-opacity:.3}.axis{stroke:#6e7781}"
    "@media(prefers-color-scheme:dark){text{fill:#d0d7de}}";

/// A name beside what it names.
struct Label {
  std::string text;
  int colour;
  double x, y;
};

/// Moves labels apart where they would touch, and up where they would leave the plot.
void spread(std::vector<Label>& labels, double bottom) {
  std::stable_sort(labels.begin(), labels.end(),
                   [](const Label& a, const Label& b) { return a.y < b.y; });
  for (size_t i = 1; i < labels.size(); ++i) {
    labels[i].y = std::max(labels[i].y, labels[i - 1].y + kLabelHeight);
  }
  double most = bottom;
  for (size_t i = labels.size(); i-- > 0; most = labels[i].y - kLabelHeight) {
    labels[i].y = std::min(labels[i].y, most);
  }
}

int colour_of(const Plot& plot, size_t line) {
  return plot.lines[line].colour >= 0 ? plot.lines[line].colour : static_cast<int>(line);
}

/// The last point that can be drawn; null: none.
const PlotPoint* end_of(const PlotLine& line, const Axes& axes) {
  for (size_t i = line.points.size(); i-- > 0;) {
    if (axes.shows(line.points[i])) return &line.points[i];
  }
  return nullptr;
}

// Names of lines stand at their ends, those of dots and bars at the top.
std::vector<Label> labels_of(const Plot& plot, const Axes& axes) {
  std::vector<Label> labels;
  const double right = axes.x.to;
  size_t named = 0;
  const std::vector<PlotName> names = names_of(plot);
  for (const PlotLine& line : plot.lines) {
    if (line.name.empty()) continue;
    const PlotPoint* const end = end_of(line, axes);
    const PlotName& name = names[named++];
    labels.push_back({name.text, name.colour, end ? axes.x.at(end->x) : right,
                      end ? axes.y.at(end->y) : axes.y.from});
  }
  for (; named < names.size(); ++named) {
    labels.push_back({names[named].text, names[named].colour, right, axes.y.to});
  }
  spread(labels, axes.y.from);
  return labels;
}

void draw_labels(Svg& svg, const Plot& plot, const Axes& axes) {
  for (const Label& label : labels_of(plot, axes)) {
    svg.text(label.x + 10, label.y + 4, label.text,
             fmt::format("style=\"fill:{};font-weight:600\"", palette(label.colour)));
  }
}

void draw_names_below(Svg& svg, const Plot& plot, const PlotFrame& frame) {
  const std::vector<PlotName> names = names_of(plot);
  const std::vector<NamePlace> places = places_below(names, frame.width);
  for (size_t i = 0; i < names.size(); ++i) {
    const double y =
        frame.height - 6 - kLabelHeight * static_cast<double>(places.back().row - places[i].row);
    const char* colour = palette(names[i].colour);
    svg.line(places[i].x + 2, y - 4, places[i].x + 16, y - 4,
             fmt::format("stroke=\"{}\" stroke-width=\"4\" stroke-linecap=\"round\"", colour));
    svg.text(places[i].x + 22, y, names[i].text,
             fmt::format("style=\"fill:{};font-weight:600\"", colour));
  }
}

void draw_band(Svg& svg, const PlotBand& band, const Axes& axes) {
  // What reaches below a logarithmic axis is cut off at its end.
  const auto height = [&](double y) {
    const bool below = axes.y.logarithmic ? y < axes.y.low : y < std::min(axes.y.low, 0.0);
    return axes.y.at(below ? axes.y.low : y);
  };
  std::vector<size_t> shown;
  for (size_t i = 0; i < band.x.size(); ++i) {
    if (axes.shows({band.x[i], band.high[i]}) && std::isfinite(band.low[i])) shown.push_back(i);
  }
  if (shown.size() < 2) return;
  SvgPath path;
  for (size_t i = 0; i < shown.size(); ++i) {
    const double x = axes.x.at(band.x[shown[i]]), y = height(band.high[shown[i]]);
    i == 0 ? path.move(x, y) : path.line(x, y);
  }
  for (size_t i = shown.size(); i-- > 0;) {
    path.line(axes.x.at(band.x[shown[i]]), height(band.low[shown[i]]));
  }
  path.close();
  svg.shape(path, fmt::format("fill=\"{}\" fill-opacity=\".18\"", palette(band.colour)));
}

void draw_bars(Svg& svg, const PlotBars& bars, const Axes& axes) {
  SvgPath path;
  for (size_t i = 0; i < bars.heights.size(); ++i) {
    if (!axes.shows({bars.edges[i], bars.heights[i]}) || !axes.x.shows(bars.edges[i + 1])) continue;
    const double left = axes.x.at(bars.edges[i]), right = axes.x.at(bars.edges[i + 1]);
    const double top = axes.y.at(bars.heights[i]);
    path.move(left, axes.y.from);
    path.line(left, top);
    path.line(right, top);
    path.line(right, axes.y.from);
    path.close();
  }
  svg.shape(path, fmt::format("fill=\"{}\" fill-opacity=\".55\"", palette(bars.colour)));
}

void draw_dots(Svg& svg, const PlotDots& dots, const Axes& axes) {
  // One path a shade: a path's points need no attributes of their own.
  constexpr size_t kShades = 8;
  const size_t shades = dots.shaded ? kShades : 1;
  for (size_t shade = 0; shade < shades; ++shade) {
    const size_t from = dots.points.size() * shade / shades;
    const size_t to = dots.points.size() * (shade + 1) / shades;
    SvgPath path;
    for (size_t i = from; i < to; ++i) {
      const PlotPoint& p = dots.points[i];
      if (axes.shows(p)) path.dot(axes.x.at(p.x), axes.y.at(p.y));
    }
    const double opacity =
        dots.shaded ? 0.2 + 0.7 * static_cast<double>(shade) / (kShades - 1) : 0.75;
    if (path.empty()) continue;
    svg.shape(path, fmt::format("stroke=\"{}\" stroke-opacity=\"{:.2f}\" stroke-width=\"4\" "
                                "stroke-linecap=\"round\" fill=\"none\"",
                                palette(dots.colour), opacity));
  }
}

void draw_line(Svg& svg, const PlotLine& line, const char* colour, const Axes& axes) {
  SvgPath path;
  bool drawing = false;
  for (const PlotPoint& p : line.points) {
    const bool shown = axes.shows(p);
    if (shown && drawing) path.line(axes.x.at(p.x), axes.y.at(p.y));
    if (shown && !drawing) path.move(axes.x.at(p.x), axes.y.at(p.y));
    drawing = shown;
  }
  if (!path.empty()) {
    svg.shape(path, fmt::format("stroke=\"{}\" stroke-width=\"2\" stroke-linecap=\"round\" "
                                "stroke-linejoin=\"round\" fill=\"none\"{}",
                                colour, line.dashed ? " stroke-dasharray=\"2 5\"" : ""));
  }
  if (!line.marked) return;
  for (const PlotPoint& p : line.points) {
    if (!axes.shows(p)) continue;
    svg.circle(axes.x.at(p.x), axes.y.at(p.y), 3, fmt::format("fill=\"{}\"", colour));
  }
}

/// What a line shows, in words: all of a short one, the ends and extremes of a long one.
std::string in_words(const PlotLine& line) {
  std::string text = " " + line.name + ":";
  if (line.points.size() <= 12) {
    for (const PlotPoint& p : line.points) text += fmt::format(" {:g} at {:g},", p.y, p.x);
    text.back() = '.';
    return text;
  }
  const auto [least, most] =
      std::minmax_element(line.points.begin(), line.points.end(),
                          [](const PlotPoint& a, const PlotPoint& b) { return a.y < b.y; });
  return text + fmt::format(" from {:.3g} at {:g} to {:.3g} at {:g}, between {:.3g} and {:.3g}.",
                            line.points.front().y, line.points.front().x, line.points.back().y,
                            line.points.back().x, least->y, most->y);
}

std::string description(const Plot& plot) {
  std::string text = plot.y_label + " against " + plot.x_label + ".";
  for (const PlotLine& line : plot.lines) {
    if (!line.name.empty()) text += in_words(line);
  }
  for (const PlotDots& dots : plot.dots) {
    text += fmt::format(" {}: {} points.", dots.name, dots.points.size());
  }
  for (const PlotBars& bars : plot.bars) {
    if (bars.heights.empty()) continue;
    const auto most = std::max_element(bars.heights.begin(), bars.heights.end());
    text += fmt::format(" {}: from {:.3g} to {:.3g}, highest at {:.3g}.", bars.name,
                        bars.edges.front(), bars.edges.back(),
                        bars.edges[static_cast<size_t>(most - bars.heights.begin())]);
  }
  return text;
}

}  // namespace

const char* palette(int index) {
  return kColours[static_cast<size_t>(index) % std::size(kColours)];
}

std::string plot_svg(const Plot& plot, PlotShape shape) {
  const PlotFrame frame = frame_of(plot, shape);
  const Axes axes = axes_of(plot, frame);
  Svg svg;
  draw_axes(svg, plot, axes, frame);
  for (const PlotBand& band : plot.bands) draw_band(svg, band, axes);
  for (const PlotBars& bars : plot.bars) draw_bars(svg, bars, axes);
  for (const PlotDots& dots : plot.dots) draw_dots(svg, dots, axes);
  for (size_t i = 0; i < plot.lines.size(); ++i) {
    draw_line(svg, plot.lines[i], palette(colour_of(plot, i)), axes);
  }
  if (frame.names_below) {
    draw_names_below(svg, plot, frame);
  } else {
    draw_labels(svg, plot, axes);
  }
  return svg.document(frame.width, frame.height, plot.title, description(plot), kStyle);
}

Drawing drawing_of(const Plot& plot) {
  return {plot_svg(plot, PlotShape::wide), plot_svg(plot, PlotShape::narrow)};
}

}  // namespace weft::report
