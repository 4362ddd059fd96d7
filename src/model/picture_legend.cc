#include "model/picture_legend.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string_view>

#include "model/formula.h"
#include "model/picture_links.h"
#include "model/picture_text.h"

namespace weft {
namespace {

constexpr size_t kMostLines = 14;

// Signs with their meaning, side by side as far as the width goes.
class Legend {
 public:
  Legend(Svg& svg, double left, double right, double y)
      : svg_(svg), left_(left), right_(right), x_(left), y_(y) {}

  void entry(double sign, std::string_view meaning,
             const std::function<void(double x, double y)>& draw) {
    const double wide = sign + 8 + width_of(meaning, kSmallFace);
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
  bool alias = false, blend = false, learned = false, zero = false, complement = false,
       negative = false, appended = false;
};

Signs signs_in(const Layout& layout) {
  Signs s;
  for (const ResolvedMix& m : layout.mixes) {
    const bool stream = m.destination.port == Port::x || m.destination.port == Port::y;
    s.alias = s.alias || (!stream && m.alias);
    s.blend = s.blend || (!stream && !m.alias);
    for (const Term& t : m.terms) {
      const bool own = t.source.port == m.destination.port && t.source.layer == m.destination.layer;
      s.learned = s.learned || (t.gain >= 0 && !t.complement);
      s.complement = s.complement || (t.complement && !own);
      s.zero = s.zero || (t.gain >= 0 && !own && first_coefficient(layout, t) == 0);
      s.negative = s.negative || (t.gain < 0 && t.scale < 0);
    }
  }
  for (const std::vector<int>& sets : layout.extra_kv) s.appended = s.appended || !sets.empty();
  return s;
}

// How heads look.
void head_entries(Svg& svg, Legend& legend, const Signs& signs, const std::string& own,
                  const std::string& other) {
  legend.entry(22, "a head of this layer", [&](double x, double at) {
    svg.rect(x, at, 22, 12, fmt::format("fill=\"{}\" rx=\"2\"", own));
  });
  if (signs.alias) {
    legend.entry(22, "another layer's, by its colour", [&](double x, double at) {
      svg.rect(x + 0.5, at + 0.5, 21, 11, borrowed_look(other) + " rx=\"2\"");
    });
  }
  if (signs.appended) {
    legend.entry(22, "attended to beside the layer's own", [&](double x, double at) {
      svg.rect(x, at, 13, 12, fmt::format("fill=\"{}\"", own));
      svg.rect(x + 14.5, at + 0.5, 7, 11, borrowed_look(other));
    });
  }
  if (signs.blend) {
    legend.entry(22, "mixed in these parts", [&](double x, double at) {
      svg.rect(x, at, 11, 12, fmt::format("fill=\"{}\"", other));
      svg.rect(x + 11, at, 11, 12, fmt::format("fill=\"{}\"", own));
    });
  }
}

}  // namespace

double draw_formulas(Svg& svg, const ModelConfig& config, const Layout& layout,
                     const PictureFrame& frame, double y) {
  const std::vector<FormulaLine> all = formulas(config, layout);
  const size_t shown = std::min(all.size(), kMostLines);
  double wide = 200;
  for (size_t i = 0; i < shown; ++i) wide = std::max(wide, width_of(all[i].text, kMonoFace));
  y += 14;
  for (size_t i = 0; i < shown; ++i) {
    const std::string layers = "layers " + ranges(all[i].layers);
    const double beside = frame.left + wide + 24;
    const bool fits = beside + width_of(layers, kMonoFace) <= frame.right;
    const double first = y;
    y = draw_paragraph(svg, frame.left, frame.right, y, all[i].text, kMonoFace);
    if (all[i].layers.size() == 1) continue;
    if (fits) {
      svg.text(beside, first, layers, "class=\"soft mono\"");
    } else {
      const PictureFace soft{kMonoFace.character, kMonoFace.line, "class=\"soft mono\""};
      y = draw_paragraph(svg, frame.left + 20, frame.right, y, layers, soft);
    }
  }
  if (all.size() > shown) {
    y = draw_paragraph(svg, frame.left, frame.right, y,
                       fmt::format("and {} more", all.size() - shown), kSmallFace);
  }
  for (const std::string& note : layout.notes) {
    y = draw_paragraph(svg, frame.left, frame.right, y, note, kSmallFace);
  }
  return y;
}

double draw_legend(Svg& svg, const Layout& layout, const PictureGains& gains, bool trained,
                   const PictureFrame& frame, double y) {
  const Signs signs = signs_in(layout);
  const PictureGrid& grid = frame.grid;
  const std::string own = layer_colour(grid.layers / 2, grid.layers), first = layer_colour(0, 2);
  Legend legend(svg, frame.left, frame.right, y + 6);
  head_entries(svg, legend, signs, own, first);
  const auto curve = [&](const PictureLink& link, const char* meaning) {
    legend.entry(30, meaning, [&](double x, double at) {
      svg.line(x, at + 6, x + 30, at + 6,
               fmt::format("{} stroke=\"{}\"", link_look(link, grid.pitch), first));
      if (link.weight != 0) return;
      svg.circle(x + 30, at + 6, 2.4, fmt::format("class=\"ring\" stroke=\"{}\"", first));
    });
  };
  if (!layout.mixes.empty() || signs.appended) curve({}, "read, as wide as its coefficient");
  if (signs.learned) curve({.learned = true}, trained ? "learned" : "learned, as it begins");
  if (signs.zero) curve({.weight = 0, .learned = true}, trained ? "still 0" : "learned from 0 on");
  if (signs.complement) {
    curve({.learned = true, .complement = true}, "one minus the gain beside it");
  }
  if (signs.negative) curve({.weight = -1}, "subtracted");
  if (!gains.empty()) {
    legend.entry(30, trained ? "coefficient that was learned" : "coefficient, where it begins",
                 [&](double x, double at) {
                   svg.text(x + 30, at + 10, "0.5", "class=\"gain\" text-anchor=\"end\"");
                 });
  }
  if (gains.has_gates()) {
    legend.entry(30, "gate: a number for each token", [&](double x, double at) {
      svg.text(x + 30, at + 10, "g", "class=\"gain\" text-anchor=\"end\"");
    });
  }
  return legend.end();
}

}  // namespace weft
