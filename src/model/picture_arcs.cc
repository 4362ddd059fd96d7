#include "model/picture_arcs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace weft {
namespace {

constexpr size_t kMostGuests = 3;
constexpr int kEveryone = -1;  // the source that stands for all where guests are many

// The number that readers know a source by; place 0 of the stream is the embedding, layer -1.
int layer_at(int place, bool in_stream) {
  return in_stream ? place - 1 : place;
}

bool ends_here(const PictureLink& link, const PictureGrid& grid, bool in_stream) {
  return in_stream ? grid.first < link.to && link.to <= grid.last
                   : grid.first <= link.to && link.to < grid.last;
}

}  // namespace

PictureGuests::PictureGuests(std::vector<PictureLink>& links, const PictureGrid& grid,
                             bool in_stream) {
  std::erase_if(links, [&](const PictureLink& l) { return !ends_here(l, grid, in_stream); });
  std::set<int> sources;
  for (const PictureLink& link : links) {
    if (link.from < grid.first) sources.insert(link.from);
  }
  if (sources.empty()) return;
  if (sources.size() > kMostGuests) {
    marks_[kEveryone] = {0, layer_colour(-1, grid.layers), fmt::format("{} above", sources.size())};
    gather(links, grid.first);
  } else {
    for (const int s : sources) {
      const int layer = layer_at(s, in_stream);
      marks_[s] = {0, layer_colour(layer, grid.layers), std::to_string(layer)};
    }
  }
  const double each = (grid.gutter - 12) / static_cast<double>(marks_.size());
  double x = grid.left - grid.gutter + each / 2;
  for (auto& [from, mark] : marks_) {
    mark.x = x;
    x += each;
  }
}

// All guests become one.
void PictureGuests::gather(std::vector<PictureLink>& links, int first) {
  std::map<int, PictureLink> heaviest;  // by reader
  const auto is_guest = [&](const PictureLink& l) { return l.from < first; };
  for (const PictureLink& link : links) {
    if (!is_guest(link)) continue;
    const auto [at, fresh] = heaviest.try_emplace(link.to, link);
    if (!fresh && std::abs(link.weight) > std::abs(at->second.weight)) at->second = link;
  }
  std::erase_if(links, is_guest);
  for (auto& [to, link] : heaviest) {
    link.from = kEveryone;
    links.push_back(link);
  }
}

void PictureGuests::draw(Svg& svg, double y) const {
  for (const auto& [from, mark] : marks_) {
    const double wide = std::max(16.0, 5.6 * static_cast<double>(mark.text.size()) + 6);
    svg.rect(mark.x - wide / 2, y - 8, wide, 16, fmt::format("fill=\"{}\" rx=\"8\"", mark.colour));
    svg.text(mark.x, y + 3.6, mark.text, "class=\"guest\" text-anchor=\"middle\"");
  }
}

PictureArcs::PictureArcs(std::vector<PictureLink> links, const PictureGrid& grid, bool in_stream)
    : links_(std::move(links)),
      guests_(links_, grid, in_stream),
      grid_(grid),
      in_stream_(in_stream) {
  for (const PictureLink& link : links_) height_ = std::max(height_, rise(link) + 4);
  spread();
}

double PictureArcs::x_of(int place) const {
  if (guests_.has(place)) return guests_.x_of(place);
  return in_stream_ ? grid_.place(place) : grid_.centre(place);
}

std::string PictureArcs::colour_of(int from) const {
  return guests_.has(from) ? guests_.colour_of(from)
                           : layer_colour(layer_at(from, in_stream_), grid_.layers);
}

// Higher the further, but less and less so.
double PictureArcs::rise(const PictureLink& link) const {
  return 1.5 * std::pow(std::abs(x_of(link.to) - x_of(link.from)), 0.62);
}

// The ends of curves that meet in a place. The half of it is theirs where others have the other.
void PictureArcs::fan(std::map<int, std::vector<size_t>>& at,
                      const std::map<int, std::vector<size_t>>& other, bool leaving) {
  const double zone = in_stream_ ? std::min(18.0, grid_.pitch * 0.4) : grid_.strip() * 0.8;
  const auto far_end = [&](size_t i) { return leaving ? links_[i].to : links_[i].from; };
  std::vector<double>& x = leaving ? leaves_ : arrives_;
  x.resize(links_.size());
  for (auto& [place, list] : at) {
    std::stable_sort(list.begin(), list.end(),
                     [&](size_t a, size_t b) { return far_end(a) > far_end(b); });
    const double wide = guests_.has(place) ? 10 : zone;
    for (size_t n = 0; n < list.size(); ++n) {
      const double along = (static_cast<double>(n) + 0.5) / static_cast<double>(list.size());
      const double half = leaving ? along / 2 : along / 2 - 0.5;
      x[list[n]] = x_of(place) + wide * (other.contains(place) ? half : along - 0.5);
    }
  }
}

// Curves that meet in a place are spread so that they do not cross: those that arrive on the left,
// the nearest source leftmost; those that leave on the right, the farthest reader leftmost.
void PictureArcs::spread() {
  std::map<int, std::vector<size_t>> out, in;  // links by place
  for (size_t i = 0; i < links_.size(); ++i) {
    out[links_[i].from].push_back(i);
    in[links_[i].to].push_back(i);
  }
  fan(out, in, true);
  fan(in, out, false);
}

void PictureArcs::draw(Svg& svg, double y, bool up) const {
  std::vector<size_t> order(links_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  // The longest first, so that short ones lie on top.
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return rise(links_[a]) > rise(links_[b]); });
  for (const size_t i : order) {
    const PictureLink& link = links_[i];
    const std::string colour = colour_of(link.from);
    const double height = rise(link) * (up ? 1 : -1);
    svg.arc(leaves_[i], y, arrives_[i], y, height,
            fmt::format("{} stroke=\"{}\"", link_look(link, grid_.pitch), colour), link.tip);
    // A dot where it arrives; a ring where nothing of it arrives yet.
    const double size = grid_.pitch < 40 ? 1.5 : 2.4;
    const char* look = link.weight == 0 ? "class=\"ring\" stroke" : "fill";
    svg.circle(arrives_[i], y, size, fmt::format("{}=\"{}\"", look, colour));
  }
  guests_.draw(svg, up ? y + 12 : y - 12);
}

}  // namespace weft
