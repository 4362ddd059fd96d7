#include "model/picture_gains.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "model/formula.h"
#include "model/head_rules.h"
#include "model/picture_links.h"
#include "model/picture_text.h"

namespace weft {
namespace {

constexpr size_t kMostNumbers = 10;  // rows of them
constexpr size_t kMostShades = 160;  // a picture of more would be megabytes
constexpr double kNumberRow = 17, kShadeRow = 8;

bool is_stream(Port port) {
  return port == Port::x || port == Port::y;
}

// Stream: the place in front of which, or behind which, a mix is written.
int column_of(const Tap& tap) {
  return tap.port == Port::y ? tap.layer + 1 : tap.layer;
}

// Sources as layers ("v[0]") or as distances ("v[l-1]"), whichever makes fewer rows.
bool by_distance(const std::vector<const ResolvedMix*>& mixes) {
  std::set<int> layers, distances;
  for (const ResolvedMix* m : mixes) {
    for (const Term& t : m->terms) {
      if (t.gain < 0) continue;
      layers.insert(t.source.layer);
      distances.insert(m->destination.layer - t.source.layer);
    }
  }
  return distances.size() < layers.size();
}

}  // namespace

std::string coefficient_number(double value) {
  if (std::abs(value) < 0.005 && value != 0) {
    std::string text = fmt::format("{:.0e}", value);  // "2e-04"
    if (const size_t zero = text.find("e-0"); zero != text.npos) text.erase(zero + 2, 1);
    return text;
  }
  return fmt::format("{:.2g}", std::abs(value) < 10 ? std::round(value * 100) / 100 : value);
}

PictureGains::PictureGains(const ModelConfig& config, const Layout& layout) {
  std::map<std::tuple<Port, int, int>, Mixes> mixes;  // by port and heads
  for (const ResolvedMix& m : layout.mixes) {
    if (std::any_of(m.terms.begin(), m.terms.end(), [](const Term& t) { return t.gain >= 0; })) {
      mixes[{m.destination.port, m.heads.first, m.heads.last}].push_back(&m);
    }
  }
  for (const auto& [key, list] : mixes) groups_.push_back(group_of(config, layout, list));
}

PictureGains::Group PictureGains::group_of(const ModelConfig& config, const Layout& layout,
                                           const Mixes& mixes) {
  const Tap& to = mixes.front()->destination;
  const Heads& heads = mixes.front()->heads;
  std::string into = name_of(to.port);
  if (heads.last - heads.first < head_count(config, to.port, to.layer)) {
    into += heads.last - heads.first == 1 ? fmt::format(" {}", heads.first)
                                          : fmt::format(" {}-{}", heads.first, heads.last - 1);
  }
  const bool far = by_distance(mixes);
  std::map<std::tuple<int, Port, bool>, Row> rows;  // by where the source lies
  for (const ResolvedMix* m : mixes) {
    for (const Term& t : m->terms) {
      if (t.gain < 0) continue;
      const int back = m->destination.layer - t.source.layer;
      const bool own = back == 0 && t.source.port == to.port;
      Row& row = rows[{own ? 1 << 30 : far ? -back : t.source.layer, t.source.port, t.complement}];
      const char* port = name_of(t.source.port);
      row.label = fmt::format("{} ← {}{}", into, t.complement ? "(1-g) " : "",
                              own || (far && back == 0) ? fmt::format("{}[l]", port)
                              : far                     ? fmt::format("{}[l{:+}]", port, -back)
                                                        : spelled(t.source));
      const bool gate = layout.gains[static_cast<size_t>(t.gain)].kind == GainKind::gate;
      gates_ = gates_ || gate;
      row.values[column_of(m->destination)] = {first_coefficient(layout, t), t.source.layer, gate,
                                               t.complement};
    }
  }
  Group group{is_stream(to.port), {}};
  for (auto& [key, row] : rows) group.rows.push_back(std::move(row));
  return group;
}

double PictureGains::label_width() const {
  double wide = 0;
  for (const Group& g : groups_) {
    for (const Row& row : g.rows) wide = std::max(wide, width_of(row.label, kSmallFace));
  }
  return wide;
}

double PictureGains::draw(Svg& svg, const PictureGrid& grid, double y) const {
  for (const Group& whole : groups_) {
    Group group{whole.stream, {}};  // what of it stands in this row
    for (const Row& row : whole.rows) {
      Row part{row.label, {}};
      for (const auto& [column, value] : row.values) {
        const int layer = whole.stream ? column - 1 : column;
        if (grid.first <= layer && layer < grid.last) part.values[column] = value;
      }
      if (!part.values.empty()) group.rows.push_back(std::move(part));
    }
    if (group.rows.empty()) continue;
    y = group.rows.size() <= kMostNumbers ? draw_numbers(svg, grid, group, y)
                                          : draw_shades(svg, grid, group, y);
  }
  return y;
}

double PictureGains::draw_numbers(Svg& svg, const PictureGrid& grid, const Group& group,
                                  double y) const {
  for (const Row& row : group.rows) {
    y += kNumberRow;
    svg.text(grid.left - 14 - grid.gutter, y, row.label,
             "class=\"soft small\" text-anchor=\"end\"");
    for (const auto& [column, value] : row.values) {
      const std::string text =
          value.gate ? (value.complement ? "1-g" : "g") : coefficient_number(value.number);
      svg.text(group.stream ? grid.place(column) : grid.centre(column), y, text,
               "class=\"gain\" text-anchor=\"middle\"");
    }
  }
  return y + 8;
}

// The largest is the darkest; what is negative has an edge alone.
double PictureGains::draw_shades(Svg& svg, const PictureGrid& grid, const Group& group,
                                 double y) const {
  if (group.rows.size() > kMostShades) {
    const std::string text =
        fmt::format("{} to {}: {} rows of coefficients", group.rows.front().label,
                    group.rows.back().label, group.rows.size());
    return draw_paragraph(svg, grid.left - 4, grid.right(), y + 16, text, kSmallFace) - 4;
  }
  double most = 0;
  for (const Row& row : group.rows) {
    for (const auto& [column, value] : row.values) most = std::max(most, std::abs(value.number));
  }
  y += 8;
  const double wide = std::min(40.0, grid.pitch * 0.8);
  for (size_t i = 0; i < group.rows.size(); ++i, y += kShadeRow) {
    const Row& row = group.rows[i];
    if (i % 3 == 0 && i + 3 < group.rows.size() + 2) {
      svg.text(grid.left - 14 - grid.gutter, y + 7, row.label,
               "class=\"soft tiny\" text-anchor=\"end\"");
    }
    for (const auto& [column, value] : row.values) {
      const double centre = group.stream ? grid.place(column) : grid.centre(column);
      const std::string colour = layer_colour(value.source, grid.layers);
      const double strength = most > 0 ? std::abs(value.number) / most : 0;
      svg.rect(
          centre - wide / 2, y + 0.5, wide, kShadeRow - 2,
          value.number > 0
              ? fmt::format("fill=\"{}\" fill-opacity=\"{:.2f}\"", colour, 0.2 + 0.8 * strength)
              : fmt::format("class=\"ring\" stroke=\"{}\" stroke-opacity=\"{:.2f}\"", colour,
                            0.35 + 0.65 * strength),
          row.label + " = " + coefficient_number(value.number));
    }
  }
  return y + 6;
}

}  // namespace weft
