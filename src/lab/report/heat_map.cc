#include "lab/report/heat_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lab/report/plot.h"
#include "model/svg.h"

namespace weft::report {
namespace {

constexpr double kSide = 200, kGap = 24, kTop = 40, kName = 22;
constexpr int64_t kColumns = 3;  // maps side by side
constexpr const char* kStyle =
    "text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-size:14px;font-weight:600}"
    ".cell{font-size:10px}.frame{fill:none;stroke:#8c959f;stroke-opacity:.5}"
    "@media(prefers-color-scheme:dark){text{fill:#d0d7de}}";

void draw_map(Svg& svg, const HeatMap& map, double left, double top) {
  double most = 0;
  for (const double v : map.values) most = std::max(most, std::isfinite(v) ? std::fabs(v) : 0);
  svg.text(left, top + 12, map.name, "");
  top += kName;
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

std::string heat_maps_svg(const std::string& title, const std::vector<HeatMap>& maps) {
  Svg svg;
  svg.text(kGap / 2, 20, title, "class=\"title\"");
  const auto count = static_cast<int64_t>(maps.size());
  const int64_t across = std::clamp<int64_t>(count, 1, kColumns);
  for (int64_t i = 0; i < count; ++i) {
    draw_map(svg, maps[static_cast<size_t>(i)],
             kGap / 2 + static_cast<double>(i % across) * (kSide + kGap),
             kTop + static_cast<double>(i / across) * (kSide + kName + kGap));
  }
  const auto down = static_cast<double>((count + across - 1) / across);
  return svg.document(static_cast<double>(across) * (kSide + kGap),
                      kTop + down * (kSide + kName + kGap), title, description(maps), kStyle);
}

}  // namespace weft::report
