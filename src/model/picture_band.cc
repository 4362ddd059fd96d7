#include "model/picture_band.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "model/formula.h"
#include "model/head_rules.h"

namespace weft {
namespace {

constexpr double kStripHeight = 96;  // of many heads

// The place of a tap in the stream: the output of a layer is the input of the next.
int place_of(const Tap& tap) {
  return tap.port == Port::y ? tap.layer + 1 : tap.layer;
}

const ResolvedMix* mix_on(const Layout& layout, Port port, int layer, int head) {
  for (const ResolvedMix& m : layout.mixes_on(port, layer)) {
    if (m.heads.first <= head && head < m.heads.last) return &m;
  }
  return nullptr;
}

}  // namespace

double PictureGrid::strip() const {
  return std::min(46.0, pitch * 0.6);
}

double PictureGrid::card() const {
  return std::min(66.0, pitch * 0.86);
}

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

std::string link_look(const PictureLink& link, const PictureGrid& grid) {
  const double scale = std::min(1.0, 0.35 + grid.pitch / 90);
  const double width = (1 + 2 * std::sqrt(std::min(9.0, std::abs(link.weight)))) * scale;
  const char* dash = link.learned      ? " stroke-dasharray=\"6 3.5\""
                     : link.weight < 0 ? " stroke-dasharray=\"0.1 4.5\""
                                       : "";
  return fmt::format("class=\"link\" stroke-width=\"{:.1f}\" stroke-opacity=\"{}\"{}", width,
                     link.weight == 0 ? 0.55 : 0.85, dash);
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
      links.push_back({from, to, first_coefficient(layout, t), t.gain >= 0, tip});
    }
  }
  if ((port != Port::k && port != Port::v) || other) return links;
  for (size_t l = 0; l < layout.extra_kv.size(); ++l) {
    for (const int source : layout.extra_kv[l]) {
      links.push_back({source, static_cast<int>(l), 1, false,
                       fmt::format("layer {} attends to k[{}], v[{}] as well", l, source, source)});
    }
  }
  return links;
}

PictureArcs::PictureArcs(std::vector<PictureLink> links, const PictureGrid& grid, bool in_stream)
    : links_(std::move(links)), grid_(grid), in_stream_(in_stream) {
  for (const PictureLink& link : links_) height_ = std::max(height_, rise(link) + 4);
  spread();
}

double PictureArcs::x_of(int place) const {
  return in_stream_ ? grid_.left + grid_.pitch * place : grid_.centre(place);
}

// Higher the further, but less and less so: an arc over 48 layers stays on the page.
double PictureArcs::rise(const PictureLink& link) const {
  return 1.5 * std::pow(std::abs(x_of(link.to) - x_of(link.from)), 0.62);
}

// Curves that meet in a place are spread so that they do not cross: those that arrive on the left,
// the nearest source leftmost; those that leave on the right, the farthest reader leftmost.
void PictureArcs::spread() {
  std::map<int, std::vector<size_t>> out, in;  // links by place
  for (size_t i = 0; i < links_.size(); ++i) {
    out[links_[i].from].push_back(i);
    in[links_[i].to].push_back(i);
  }
  const double zone = in_stream_ ? std::min(18.0, grid_.pitch * 0.4) : grid_.strip() * 0.8;
  const auto place_all = [&](std::map<int, std::vector<size_t>>& at, bool shared_half,
                             const std::map<int, std::vector<size_t>>& other, auto end_of,
                             std::vector<double>& x) {
    x.resize(links_.size());
    for (auto& [place, list] : at) {
      std::stable_sort(list.begin(), list.end(),
                       [&](size_t a, size_t b) { return end_of(a) > end_of(b); });
      const bool shared = other.contains(place);
      for (size_t n = 0; n < list.size(); ++n) {
        const double along = (static_cast<double>(n) + 0.5) / static_cast<double>(list.size());
        const double half = shared_half ? along / 2 : along / 2 - 0.5;
        x[list[n]] = x_of(place) + zone * (shared ? half : along - 0.5);
      }
    }
  };
  place_all(
      out, true, in, [&](size_t i) { return links_[i].to; }, leaves_);
  place_all(
      in, false, out, [&](size_t i) { return links_[i].from; }, arrives_);
}

void PictureArcs::draw(Svg& svg, double y, bool up) const {
  std::vector<size_t> order(links_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  // The longest first, so that short ones lie on top.
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return rise(links_[a]) > rise(links_[b]); });
  for (const size_t i : order) {
    const PictureLink& link = links_[i];
    const int layer = in_stream_ ? link.from - 1 : link.from;
    const std::string colour = layer_colour(layer, grid_.layers);
    const double height = rise(link) * (up ? 1 : -1);
    svg.arc(leaves_[i], y, arrives_[i], y, height,
            fmt::format("{} stroke=\"{}\"", link_look(link, grid_), colour), link.tip);
    if (link.weight == 0) continue;
    const double x = arrives_[i], size = grid_.pitch < 40 ? 1.5 : 2.4;
    svg.circle(x, y, size, fmt::format("fill=\"{}\"", colour));
  }
}

PictureStrip::PictureStrip(const ModelConfig& config, const Layout& layout, Port port,
                           const PictureGrid& grid)
    : config_(config), layout_(layout), port_(port), grid_(grid) {
  int heads = 1;
  for (int l = 0; l < grid.layers; ++l) heads = std::max(heads, head_count(config, port, l));
  height_ = heads * std::clamp(kStripHeight / heads, 2.5, 14.0);
}

void PictureStrip::draw(Svg& svg, double y) const {
  for (int l = 0; l < grid_.layers; ++l) {
    const int heads = head_count(config_, port_, l);
    const double height = std::min(14.0, height_ / heads);
    const double top = y + (height_ - height * heads) / 2;
    for (int h = 0; h < heads; ++h) cell(svg, l, h, top + h * height, height);
  }
}

// Further sets of keys and values stand beside the layer's own, narrower.
void PictureStrip::cell(Svg& svg, int layer, int head, double y, double height) const {
  const double gap = height >= 5 ? 1.6 : 0.5, whole = grid_.strip(), tall = height - gap;
  const double left = grid_.centre(layer) - whole / 2;
  double width = whole;
  if ((port_ == Port::k || port_ == Port::v) && layout_.key_sets(static_cast<size_t>(layer)) > 1) {
    const std::vector<int>& sets = layout_.extra_kv[static_cast<size_t>(layer)];
    const double each = whole * 0.4 / static_cast<double>(sets.size());
    width = whole * 0.6;
    for (size_t s = 0; s < sets.size(); ++s) {
      svg.rect(left + width + each * static_cast<double>(s) + 1.5, y + 0.5, each - 2, tall - 1,
               borrowed_look(layer_colour(sets[s], grid_.layers)));
    }
  }
  const std::string round = height >= 5 ? " rx=\"2\"" : "";
  const auto colour = [&](int l) { return layer_colour(l, grid_.layers); };
  const ResolvedMix* mix = mix_on(layout_, port_, layer, head);
  if (mix == nullptr) {
    svg.rect(left, y, width, tall, fmt::format("fill=\"{}\"{}", colour(layer), round));
    return;
  }
  if (mix->alias) {
    const std::string c = colour(mix->terms.front().source.layer);
    svg.rect(left + 0.5, y + 0.5, width - 1, tall - 1, borrowed_look(c) + round);
    return;
  }
  // What is subtracted has no part.
  const auto share = [&](const Term& t) { return std::max(0.0, first_coefficient(layout_, t)); };
  double sum = 0;
  for (const Term& t : mix->terms) sum += share(t);
  double x = left;
  for (const Term& t : mix->terms) {
    const double part = sum > 0 ? share(t) / sum : 0;
    if (part * width < 0.2) continue;
    svg.rect(x, y, part * width, tall, fmt::format("fill=\"{}\"", colour(t.source.layer)));
    x += part * width;
  }
}

}  // namespace weft
