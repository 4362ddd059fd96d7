#include "model/picture_legend.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string_view>

#include "model/formula.h"

namespace weft {
namespace {

constexpr size_t kMostLines = 14;
constexpr double kSmall = 6.4, kMono = 7.6;  // widths of a character, on the generous side

// Signs with their meaning, side by side as far as the width goes.
class Legend {
 public:
  Legend(Svg& svg, double left, double right, double y)
      : svg_(svg), left_(left), right_(right), x_(left), y_(y) {}

  void entry(double sign, std::string_view meaning,
             const std::function<void(double x, double y)>& draw) {
    const double wide = sign + 8 + kSmall * static_cast<double>(meaning.size());
    if (x_ > left_ && x_ + wide > right_) {
      x_ = left_;
      y_ += 22;
    }
    draw(x_, y_);
    svg_.text(x_ + sign + 8, y_ + 10, meaning, "class=\"soft small\"");
    x_ += wide + 24;
  }
  double end() const { return y_ + 34; }

 private:
  Svg& svg_;
  double left_, right_, x_, y_;
};

struct Signs {
  bool alias = false, blend = false, learned = false, negative = false, appended = false;
};

Signs signs_in(const Layout& layout) {
  Signs s;
  for (const ResolvedMix& m : layout.mixes) {
    const bool stream = m.destination.port == Port::x || m.destination.port == Port::y;
    s.alias = s.alias || (!stream && m.alias);
    s.blend = s.blend || (!stream && !m.alias);
    for (const Term& t : m.terms) {
      s.learned = s.learned || t.gain >= 0;
      s.negative = s.negative || (t.gain < 0 && t.scale < 0);
    }
  }
  for (const std::vector<int>& sets : layout.extra_kv) s.appended = s.appended || !sets.empty();
  return s;
}

}  // namespace

double draw_formulas(Svg& svg, const ModelConfig& config, const Layout& layout,
                     const PictureGrid& grid, double y) {
  const std::vector<FormulaLine> all = formulas(config, layout);
  const size_t shown = std::min(all.size(), kMostLines);
  double wide = 200;
  for (size_t i = 0; i < shown; ++i) {
    wide = std::max(wide, kMono * static_cast<double>(all[i].text.size()));
  }
  y += 14;
  for (size_t i = 0; i < shown; ++i, y += 20) {
    svg.text(grid.left - 4, y, all[i].text, "class=\"ink mono\"");
    if (all[i].layers.size() == 1) continue;
    svg.text(grid.left + wide + 20, y, "layers " + ranges(all[i].layers), "class=\"soft mono\"");
  }
  if (all.size() > shown) {
    svg.text(grid.left - 4, y, fmt::format("and {} more", all.size() - shown),
             "class=\"soft small\"");
    y += 20;
  }
  for (const std::string& note : layout.notes) {
    svg.text(grid.left - 4, y, note, "class=\"soft small\"");
    y += 18;
  }
  return y;
}

double draw_legend(Svg& svg, const Layout& layout, const PictureGrid& grid, double right,
                   double y) {
  const Signs signs = signs_in(layout);
  const std::string own = layer_colour(grid.layers / 2, grid.layers), first = layer_colour(0, 2);
  Legend legend(svg, grid.left - 4, right, y + 6);
  legend.entry(22, "a head of this layer", [&](double x, double at) {
    svg.rect(x, at, 22, 12, fmt::format("fill=\"{}\" rx=\"2\"", own));
  });
  if (signs.alias) {
    legend.entry(22, "another layer's, by its colour", [&](double x, double at) {
      svg.rect(x + 0.5, at + 0.5, 21, 11, borrowed_look(first) + " rx=\"2\"");
    });
  }
  if (signs.appended) {
    legend.entry(22, "attended to beside the layer's own", [&](double x, double at) {
      svg.rect(x, at, 13, 12, fmt::format("fill=\"{}\"", own));
      svg.rect(x + 14.5, at + 0.5, 7, 11, borrowed_look(first));
    });
  }
  if (signs.blend) {
    legend.entry(22, "mixed in these parts", [&](double x, double at) {
      svg.rect(x, at, 11, 12, fmt::format("fill=\"{}\"", first));
      svg.rect(x + 11, at, 11, 12, fmt::format("fill=\"{}\"", own));
    });
  }
  const auto curve = [&](const PictureLink& link, const char* meaning) {
    legend.entry(30, meaning, [&](double x, double at) {
      svg.line(x, at + 6, x + 30, at + 6,
               fmt::format("{} stroke=\"{}\"", link_look(link, grid), first));
    });
  };
  if (!layout.mixes.empty() || signs.appended) curve({}, "read, as wide as its coefficient");
  if (signs.learned) curve({.learned = true}, "learned, as it begins");
  if (signs.negative) curve({.weight = -1}, "subtracted");
  return legend.end();
}

}  // namespace weft
