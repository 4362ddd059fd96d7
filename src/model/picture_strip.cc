#include "model/picture_strip.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "model/formula.h"
#include "model/head_rules.h"
#include "model/picture_links.h"

namespace weft {
namespace {

constexpr double kStripHeight = 96;  // of many heads
// Of a cell: a learned part that begins at 0, and all of those together.
constexpr double kLeastShare = 0.16, kLeastShares = 0.4;

const ResolvedMix* mix_on(const Layout& layout, Port port, int layer, int head) {
  for (const ResolvedMix& m : layout.mixes_on(port, layer)) {
    if (m.heads.first <= head && head < m.heads.last) return &m;
  }
  return nullptr;
}

}  // namespace

PictureStrip::PictureStrip(const ModelConfig& config, const Layout& layout, Port port,
                           const PictureGrid& grid)
    : config_(config), layout_(layout), port_(port), grid_(grid) {
  int heads = 1;
  for (int l = 0; l < grid.layers; ++l) heads = std::max(heads, head_count(config, port, l));
  height_ = heads * std::clamp(kStripHeight / heads, 2.5, 14.0);
}

void PictureStrip::draw(Svg& svg, double y) const {
  for (int l = grid_.first; l < grid_.last; ++l) {
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
  } else if (mix->alias) {
    const std::string c = colour(mix->terms.front().source.layer);
    svg.rect(left + 0.5, y + 0.5, width - 1, tall - 1, borrowed_look(c) + round);
  } else {
    parts(svg, *mix, {left, y, width, tall});
  }
}

// What is subtracted has no part, unless it is learned and may become one.
std::vector<double> PictureStrip::shares(const ResolvedMix& mix) const {
  std::vector<double> shares;
  double sum = 0, waiting = 0;
  for (const Term& t : mix.terms) {
    shares.push_back(std::max(0.0, first_coefficient(layout_, t)));
    sum += shares.back();
    if (t.gain >= 0 && shares.back() == 0) ++waiting;
  }
  const double least = sum > 0 ? std::min(kLeastShare, kLeastShares / std::max(waiting, 1.0))
                               : 1 / std::max(waiting, 1.0);
  const double rest = sum > 0 ? (1 - least * waiting) / sum : 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    const bool waits = mix.terms[i].gain >= 0 && shares[i] == 0;
    shares[i] = waits ? least : shares[i] * rest;
  }
  return shares;
}

void PictureStrip::parts(Svg& svg, const ResolvedMix& mix, const Box& box) const {
  const std::vector<double> part = shares(mix);
  double x = box.x;
  for (size_t i = 0; i < part.size(); ++i) {
    const double width = part[i] * box.width;
    if (width < 0.2) continue;
    const Term& t = mix.terms[i];
    const std::string colour = layer_colour(t.source.layer, grid_.layers);
    if (first_coefficient(layout_, t) > 0) {
      svg.rect(x, box.y, width, box.height, fmt::format("fill=\"{}\"", colour));
    } else {
      svg.rect(x + 0.5, box.y + 0.5, std::max(width - 1, 0.2), box.height - 1,
               borrowed_look(colour));
    }
    x += width;
  }
}

}  // namespace weft
