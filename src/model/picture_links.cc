#include "model/picture_links.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "model/formula.h"

namespace weft {
namespace {

constexpr double kThinnest = 1.3;  // pixels: a curve of coefficient 0 is a curve

// The place of a tap in the stream: the output of a layer is the input of the next.
int place_of(const Tap& tap) {
  return tap.port == Port::y ? tap.layer + 1 : tap.layer;
}

}  // namespace

std::string layer_colour(int layer, int layers) {
  // From violet over blue, green and amber to red: as light as each other, so that all stand out on
  // white and on black.
  constexpr std::array<std::array<double, 3>, 7> kAnchors = {{{106, 90, 230},
                                                              {56, 132, 238},
                                                              {20, 164, 172},
                                                              {86, 168, 62},
                                                              {214, 158, 32},
                                                              {232, 110, 60},
                                                              {216, 72, 130}}};
  if (layer < 0) return "#8b93a1";
  const double at = layers < 2 ? 0 : 6.0 * layer / (layers - 1);
  const size_t i = std::min<size_t>(5, static_cast<size_t>(at));
  const double t = at - static_cast<double>(i);
  const auto channel = [&](size_t c) {
    return static_cast<int>(std::lround(kAnchors[i][c] * (1 - t) + kAnchors[i + 1][c] * t));
  };
  return fmt::format("#{:02x}{:02x}{:02x}", channel(0), channel(1), channel(2));
}

std::string borrowed_look(const std::string& colour) {
  return fmt::format("fill=\"{0}\" fill-opacity=\"0.22\" stroke=\"{0}\"", colour);
}

std::string link_look(const PictureLink& link, double pitch) {
  const double scale = std::min(1.0, 0.35 + pitch / 90);
  const double width = kThinnest + 2 * scale * std::sqrt(std::min(9.0, std::abs(link.weight)));
  const char* dash = link.complement   ? " stroke-dasharray=\"9 3.5 2 3.5\""
                     : link.learned    ? " stroke-dasharray=\"6 3.5\""
                     : link.weight < 0 ? " stroke-dasharray=\"0.1 4.5\""
                                       : "";
  return fmt::format("class=\"link\" stroke-width=\"{:.1f}\" stroke-opacity=\"0.85\"{}", width,
                     dash);
}

std::vector<PictureLink> links_of(const ModelConfig& config, const Layout& layout, Port port,
                                  bool other) {
  const bool stream = port == Port::x || port == Port::y;
  std::vector<PictureLink> links;
  for (const ResolvedMix& m : layout.mixes) {
    if (m.destination.port != port) continue;
    const std::string tip = formula(config, layout, m);
    for (const Term& t : m.terms) {
      if (!stream && (t.source.port != port) != other) continue;
      const int from = stream ? place_of(t.source) : t.source.layer;
      const int to = stream ? place_of(m.destination) : m.destination.layer;
      if (from == to && !other) continue;
      links.push_back({from, to, first_coefficient(layout, t), t.gain >= 0, t.complement, tip});
    }
  }
  if ((port != Port::k && port != Port::v) || other) return links;
  for (size_t l = 0; l < layout.extra_kv.size(); ++l) {
    for (const int source : layout.extra_kv[l]) {
      links.push_back({source, static_cast<int>(l), 1, false, false,
                       fmt::format("layer {} attends to k[{}], v[{}] as well", l, source, source)});
    }
  }
  return links;
}

}  // namespace weft
