#include "model/picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "model/formula.h"
#include "model/picture_band.h"
#include "model/picture_legend.h"

namespace weft {
namespace {

constexpr double kMargin = 30, kLabels = 74, kGap = 12;

// Colours of the page follow the reader's light or dark scheme; those of the layers suit both.
constexpr const char* kStyle =
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}"
    ".page{fill:#fcfcfd;stroke:#e2e5ea}.card{fill:#ffffff;stroke:#dde1e8}"
    ".ink{fill:#1f242d}.soft{fill:#667080}.stream{stroke:#b9c0cb}"
    ".title{font-size:24px;font-weight:650}.small{font-size:12px}.label{font-size:13px}"
    ".mono{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:12px}"
    ".link{fill:none;stroke-linecap:round}"
    "@media(prefers-color-scheme:dark){.page{fill:#14161b;stroke:#2a2f38}"
    ".card{fill:#1c2027;stroke:#323843}.ink{fill:#e9ecf1}.soft{fill:#9ba5b4}"
    ".stream{stroke:#4a5260}}";

class Picture {
 public:
  Picture(const ModelConfig& config, const Layout& layout, const Explanation& e);
  std::string document();

 private:
  bool mixed(Port port) const;
  void header();
  void stream();
  double strip(Port port, const char* label);
  void ports();
  void layer_numbers(double y);
  void rows();
  void row(const char* name, const std::function<std::string(int layer)>& content);
  void label(double y, const char* text);

  const ModelConfig& config_;
  const Layout& layout_;
  const Explanation& e_;
  PictureGrid grid_;
  std::vector<std::string> kinds_;  // "softmax, rope, window 128"
  std::vector<size_t> kind_of_;     // [layer]
  Svg under_, svg_;
  double width_ = 0, y_ = 0;
};

Picture::Picture(const ModelConfig& config, const Layout& layout, const Explanation& e)
    : config_(config), layout_(layout), e_(e) {
  grid_.layers = static_cast<int>(config.layer.size());
  grid_.pitch = std::clamp(1150.0 / grid_.layers, 24.0, 108.0);
  grid_.left = kMargin + kLabels;
  width_ = std::max(760.0, grid_.left + grid_.layers * grid_.pitch + kMargin + 20);
  for (const LayerPlan& l : e.layers) {
    const std::string name =
        l.mechanism + ", " + l.position +
        (l.window > 0 ? ", window " + std::to_string(l.window) : std::string());
    const auto at = std::find(kinds_.begin(), kinds_.end(), name);
    kind_of_.push_back(static_cast<size_t>(at - kinds_.begin()));
    if (at == kinds_.end()) kinds_.push_back(name);
  }
}

bool Picture::mixed(Port port) const {
  return std::any_of(layout_.mixes.begin(), layout_.mixes.end(),
                     [&](const ResolvedMix& m) { return m.destination.port == port; });
}

void Picture::label(double y, const char* text) {
  svg_.text(grid_.left - 14, y + 4, text, "class=\"soft label\" text-anchor=\"end\"");
}

void Picture::header() {
  svg_.text(kMargin, 54, config_.design, "class=\"ink title\"");
  const std::string state =
      e_.cache_fixed > 0 ? fmt::format(", state {}", in_bytes(e_.cache_fixed)) : std::string();
  svg_.text(
      kMargin, 79,
      fmt::format("{} layers, dim {}, {} heads of {}  ·  {} parameters  ·  KV cache {} a token{}",
                  config_.depth(), config_.dim, config_.heads, config_.head_dim,
                  grouped(e_.parameters), in_bytes(e_.cache_per_token), state),
      "class=\"soft label\"");
  std::string axes = kinds_.size() == 1 ? kinds_[0] : "layers of several kinds";
  for (const WiringConfig& w : config_.wiring) axes += "  ·  " + w.name;
  if (!config_.mixes.empty()) axes += "  ·  own mixes";
  if (config_.loop.repeats > 1) {
    axes += fmt::format("  ·  blocks {} to {} run {} times", config_.loop.first, config_.loop.last,
                        config_.loop.repeats);
  }
  svg_.text(kMargin, 100, axes, "class=\"soft label\"");
  y_ = 118;
}

// The residual stream: the embedding, then the output of each layer, which is the input of the
// next.
void Picture::stream() {
  std::vector<PictureLink> links = links_of(config_, layout_, Port::x, false);
  for (PictureLink& link : links_of(config_, layout_, Port::y, false)) links.push_back(link);
  const PictureArcs arcs(std::move(links), grid_, true);
  y_ += arcs.height() + 6;
  const auto x_of = [&](int place) { return grid_.left + grid_.pitch * place; };
  svg_.line(x_of(0), y_, x_of(grid_.layers), y_, "class=\"stream\" stroke-width=\"2\"");
  arcs.draw(svg_, y_ - 4, true);
  for (int place = 0; place <= grid_.layers; ++place) {
    svg_.circle(x_of(place), y_, grid_.pitch < 40 ? 2.6 : 4.2,
                fmt::format("fill=\"{}\"", layer_colour(place - 1, grid_.layers)));
  }
  label(y_, "stream");
  svg_.text(x_of(0) - 4, y_ + 21, "embedding", "class=\"soft small\"");
  svg_.text(x_of(grid_.layers) + 4, y_ + 21, "final norm",
            "class=\"soft small\" text-anchor=\"end\"");
  y_ += 38;
}

double Picture::strip(Port port, const char* name) {
  const PictureStrip heads(config_, layout_, port, grid_);
  heads.draw(svg_, y_);
  label(y_ + heads.height() / 2, name);
  return heads.height();
}

void Picture::layer_numbers(double y) {
  const int step = grid_.pitch < 30 && grid_.layers > 20 ? 2 : 1;
  for (int l = 0; l < grid_.layers; l += step) {
    svg_.text(grid_.centre(l), y, std::to_string(l), "class=\"soft small\" text-anchor=\"middle\"");
  }
}

// Queries and keys with their curves above, values with theirs below, outputs under the values that
// they read.
void Picture::ports() {
  const auto curves = [&](Port port, bool other) {
    return PictureArcs(links_of(config_, layout_, port, other), grid_, false);
  };
  double top = 0;
  if (mixed(Port::q)) {
    const PictureArcs arcs = curves(Port::q, false);
    y_ += arcs.height() + kGap;
    top = y_;
    arcs.draw(svg_, y_, true);
    y_ += strip(Port::q, "queries");
  }
  const PictureArcs of_keys = curves(Port::k, false);
  y_ += of_keys.height() + kGap;
  if (top == 0) top = y_;
  of_keys.draw(svg_, y_, true);
  y_ += strip(Port::k, "keys");
  layer_numbers(y_ + 16);
  y_ += 24;
  y_ += strip(Port::v, "values");
  const PictureArcs of_values = curves(Port::v, false);
  of_values.draw(svg_, y_, false);
  double bottom = y_, below = of_values.height();
  if (mixed(Port::o)) {
    const double from = y_;
    y_ += std::max(below, 56.0) + kGap;
    for (const PictureLink& link : links_of(config_, layout_, Port::o, true)) {
      svg_.flow(grid_.centre(link.from), from, grid_.centre(link.to), y_,
                fmt::format("{} stroke=\"{}\"", link_look(link, grid_),
                            layer_colour(link.from, grid_.layers)),
                link.tip);
    }
    const PictureArcs arcs = curves(Port::o, false);
    y_ += strip(Port::o, "outputs");
    arcs.draw(svg_, y_, false);
    bottom = y_;
    below = arcs.height();
  }
  for (int l = 0; l < grid_.layers; ++l) {
    under_.rect(grid_.centre(l) - grid_.card() / 2, top - 10, grid_.card(), bottom - top + 20,
                "class=\"card\" rx=\"8\"");
  }
  y_ = bottom + std::max(below, 10.0) + kGap;
}

void Picture::row(const char* name, const std::function<std::string(int layer)>& content) {
  for (int l = 0; l < grid_.layers; ++l) {
    svg_.text(grid_.centre(l), y_ + 8, content(l), "class=\"soft small\" text-anchor=\"middle\"");
  }
  label(y_ + 4, name);
  y_ += 20;
}

// Whose weights a layer of a loop has, and where layers differ in mechanism, position or window a
// letter for each.
void Picture::rows() {
  if (config_.loop.repeats > 1) {
    row("block", [&](int l) { return std::to_string(config_.block_of(l)); });
  }
  if (kinds_.size() < 2) return;
  const auto letter = [](size_t kind) {
    return std::string(1, static_cast<char>('A' + kind % 26));
  };
  row("kind", [&](int l) { return letter(kind_of_[static_cast<size_t>(l)]); });
  std::string text;
  for (size_t kind = 0; kind < kinds_.size(); ++kind) {
    text += (kind == 0 ? "" : "  ·  ") + letter(kind) + ": " + kinds_[kind];
  }
  svg_.text(grid_.left - 4, y_ + 12, text, "class=\"soft small\"");
  y_ += 20;
}

std::string Picture::document() {
  header();
  if (mixed(Port::x) || mixed(Port::y)) stream();
  ports();
  rows();
  y_ = draw_formulas(svg_, config_, layout_, grid_, y_);
  y_ = draw_legend(svg_, layout_, grid_, width_ - kMargin, y_);
  const double height = y_ + 4;
  Svg page;
  page.rect(0.5, 0.5, width_ - 1, height - 1, "class=\"page\" rx=\"14\"");
  page.append(under_);
  page.append(svg_);
  std::string description = "What the layers read of each other.";
  for (const FormulaLine& line : formulas(config_, layout_)) {
    description += " " + line.text + " (layers " + ranges(line.layers) + ").";
  }
  return page.document(width_, height, "weft: " + config_.design, description, kStyle);
}

}  // namespace

std::string wiring_picture(const ModelConfig& config, const Layout& layout,
                           const Explanation& explanation) {
  return Picture(config, layout, explanation).document();
}

}  // namespace weft
