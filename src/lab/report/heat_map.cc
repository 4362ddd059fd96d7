#include "lab/report/heat_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lab/report/plot.h"
#include "model/picture_text.h"
#include "model/svg.h"

namespace weft::report {
namespace {

constexpr double kSide = 200, kGap = 24, kName = 22;
constexpr int64_t kColumns = 3;  // maps side by side
constexpr PictureFace kText{6.6, 16, ""}, kTitle{8.4, 18, "class=\"title\""};
constexpr const char* kStyle =
    "text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-size:14px;font-weight:600}"
    ".cell{font-size:10px}.frame{fill:none;stroke:#8c959f;stroke-opacity:.5}"
    "@media(prefers-color-scheme:dark){text{fill:#d0d7de}}";

// `names`: the height that names have above the maps of a row; `room`: the width of one.
void draw_map(Svg& svg, const HeatMap& map, double left, double top, double names, double room) {
  double most = 0;
  for (const double v : map.values) most = std::max(most, std::isfinite(v) ? std::fabs(v) : 0);
  draw_paragraph(svg, left, left + room, top + 12, map.name, kText);
  top += names;
  const double cell = kSide / static_cast<double>(std::max(map.rows, map.columns));
  for (int64_t r = 0; r < map.rows; ++r) {
    for (int64_t c = 0; c < map.columns; ++c) {
      const double value = map.values[static_cast<size_t>(r * map.columns + c)];
      const double x = left + static_cast<double>(c) * cell;
      const double y = top + static_cast<double>(r) * cell;
      // Never opaque: the numbers must be read on it in the dark and in the light.
      const double strength = most > 0 && std::isfinite(value) ? std::fabs(value) / most : 0;
      svg.rect(x, y, cell, cell,
               fmt::format("fill=\"{}\" fill-opacity=\"{:.3f}\"", palette(value < 0 ? 1 : 0),
                           0.6 * strength));
      if (map.columns > 8) continue;
      svg.text(x + cell / 2, y + cell / 2 + 4, fmt::format("{:.2f}", value),
               "text-anchor=\"middle\" class=\"cell\"");
    }
  }
  svg.rect(left, top, cell * static_cast<double>(map.columns), cell * static_cast<double>(map.rows),
           "class=\"frame\"");
}

std::string description(const std::vector<HeatMap>& maps) {
  std::string text = "Matrices, blue where positive, orange where negative.";
  for (const HeatMap& map : maps) {
    double trace = 0, off = 0;
    for (int64_t r = 0; r < map.rows; ++r) {
      for (int64_t c = 0; c < map.columns; ++c) {
        const double v = map.values[static_cast<size_t>(r * map.columns + c)];
        r == c ? trace += v : off = std::max(off, std::fabs(v));
      }
    }
    text += fmt::format(" {}: mean of the diagonal {:.3g}, largest off it {:.3g}.", map.name,
                        trace / static_cast<double>(std::max<int64_t>(map.rows, 1)), off);
  }
  return text;
}

}  // namespace

std::string heat_maps_svg(const std::string& title, const std::vector<HeatMap>& maps,
                          PlotShape shape) {
  const auto count = static_cast<int64_t>(maps.size());
  const int64_t across = std::clamp<int64_t>(count, 1, shape == PlotShape::narrow ? 1 : kColumns);
  const double frame = static_cast<double>(across) * (kSide + kGap);
  // As wide as titles and names need, at least the maps and at most a telephone or the three maps.
  const double most = shape == PlotShape::narrow ? 328 : kColumns * (kSide + kGap);
  double wide = std::max(frame, std::min(most, width_of(title, kTitle) + kGap));
  for (const HeatMap& map : maps) {
    if (across == 1) wide = std::max(wide, std::min(most, width_of(map.name, kText) + kGap));
  }
  Svg svg;
  double top = draw_paragraph(svg, kGap / 2, wide - kGap / 2, 20, title, kTitle);
  const double room = across == 1 ? wide - kGap : kSide;
  for (int64_t first = 0; first < count; first += across) {
    size_t lines = 1;
    for (int64_t i = first; i < std::min(count, first + across); ++i) {
      lines = std::max(lines, broken(maps[static_cast<size_t>(i)].name, room, kText).size());
    }
    const double names = kName + kText.line * static_cast<double>(lines - 1);
    for (int64_t i = first; i < std::min(count, first + across); ++i) {
      draw_map(svg, maps[static_cast<size_t>(i)],
               kGap / 2 + static_cast<double>(i - first) * (kSide + kGap), top, names, room);
    }
    top += kSide + names + kGap;
  }
  return svg.document(wide, top, title, description(maps), kStyle);
}

Drawing heat_maps_drawing(const std::string& title, const std::vector<HeatMap>& maps) {
  return {heat_maps_svg(title, maps, PlotShape::wide),
          heat_maps_svg(title, maps, PlotShape::narrow)};
}

}  // namespace weft::report
