#include "model/picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "model/formula.h"
#include "model/picture_arcs.h"
#include "model/picture_gains.h"
#include "model/picture_legend.h"
#include "model/picture_links.h"
#include "model/picture_strip.h"
#include "model/picture_text.h"

namespace weft {
namespace {

constexpr double kMargin = 30, kLabels = 74, kGap = 12, kWidest = 1150, kGutter = 76;
constexpr int kMostColumns = 24;  // layers side by side

// Colours of the page follow the reader's light or dark scheme; those of the layers suit both.
constexpr const char* kStyle =
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}"
    ".page{fill:#fcfcfd;stroke:#e2e5ea}.card{fill:#ffffff;stroke:#dde1e8}"
    ".ink{fill:#1f242d}.soft{fill:#667080}.stream{stroke:#b9c0cb}"
    ".title{font-size:24px;font-weight:650}.small{font-size:12px}.label{font-size:13px}"
    ".tiny{font-size:9px}.gain{font-size:11px;fill:#1f242d}"
    ".guest{font-size:10px;font-weight:650;fill:#ffffff}"
    ".mono{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:12px}"
    ".link{fill:none;stroke-linecap:round}.ring{fill:#ffffff}"
    "@media(prefers-color-scheme:dark){.page{fill:#14161b;stroke:#2a2f38}"
    ".card,.ring{fill:#1c2027}.card{stroke:#323843}.ink,.gain{fill:#e9ecf1}.soft{fill:#9ba5b4}"
    ".stream{stroke:#4a5260}}";

// "transformer + back": the design and the names of the user's own mixes.
std::string design_and_mixes(const ModelConfig& config) {
  std::vector<std::string> names;
  for (const MixConfig& mix : config.mixes) {
    const std::string name = mix.name.empty() ? "own mix" : mix.name;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  std::string text = config.design;
  for (const std::string& name : names) text += " + " + name;
  return text;
}

class Picture {
 public:
  Picture(const ModelConfig& config, const Layout& layout, const Explanation& e,
          const PictureSubject& subject);
  std::string document();

 private:
  bool mixed(Port port) const;
  void header();
  void band();
  void stream();
  double strip(Port port, const char* label);
  void ports();
  void outputs(double& below);
  void layer_numbers(double y);
  void rows();
  void kinds();
  void row(const char* name, const std::function<std::string(int layer)>& content);
  void label(double y, const char* text);
  PictureArcs curves(Port port) const;
  double right() const { return width_ - kMargin; }

  const ModelConfig& config_;
  const Layout& layout_;
  const Explanation& e_;
  const PictureSubject& subject_;
  PictureGains gains_;
  PictureGrid grid_;
  std::string heading_;
  std::vector<std::string> kinds_;  // "softmax, rope, window 128"
  std::vector<size_t> kind_of_;     // [layer]
  Svg under_, svg_;
  int columns_ = 0;  // of a row
  double width_ = 0, y_ = 0;
};

Picture::Picture(const ModelConfig& config, const Layout& layout, const Explanation& e,
                 const PictureSubject& subject)
    : config_(config), layout_(layout), e_(e), subject_(subject), gains_(config, layout) {
  heading_ = design_and_mixes(config);
  if (!subject.name.empty() && subject.name != heading_) heading_ = subject.name + ": " + heading_;
  grid_.layers = static_cast<int>(config.layer.size());
  // Rows of equal length, the last one perhaps shorter.
  const int rows = (grid_.layers + kMostColumns - 1) / kMostColumns;
  columns_ = (grid_.layers + rows - 1) / rows;
  grid_.pitch = std::clamp(kWidest / columns_, 24.0, 108.0);
  grid_.gutter = rows > 1 ? kGutter : 0;
  grid_.left = kMargin + std::max(kLabels, gains_.label_width() + 14) + grid_.gutter;
  width_ = std::max(760.0, grid_.left + columns_ * grid_.pitch + kMargin + 20);
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
  svg_.text(grid_.left - 14 - grid_.gutter, y + 4, text,
            "class=\"soft label\" text-anchor=\"end\"");
}

void Picture::header() {
  y_ = draw_paragraph(svg_, kMargin, right(), 54, heading_, kTitleFace) - 5;
  const std::string state =
      e_.cache_fixed > 0 ? fmt::format(", state {}", in_bytes(e_.cache_fixed)) : std::string();
  y_ = draw_paragraph(
      svg_, kMargin, right(), y_,
      fmt::format("{} layers, dim {}, {} heads of {}  ·  {} parameters  ·  KV cache {} a token{}",
                  config_.depth(), config_.dim, config_.heads, config_.head_dim,
                  grouped(e_.parameters), in_bytes(e_.cache_per_token), state),
      kLabelFace);
  std::string axes = kinds_.size() == 1 ? kinds_[0] : "layers of several kinds";
  for (const WiringConfig& w : config_.wiring) axes += "  ·  " + w.name;
  if (!config_.mixes.empty()) axes += "  ·  own mixes";
  if (config_.loop.repeats > 1) {
    axes += fmt::format("  ·  blocks {} to {} run {} times", config_.loop.first, config_.loop.last,
                        config_.loop.repeats);
  }
  y_ = draw_paragraph(svg_, kMargin, right(), y_, axes, kLabelFace);
}

// The residual stream: the embedding, then the output of each layer, which is the input of the
// next.
void Picture::stream() {
  std::vector<PictureLink> links = links_of(config_, layout_, Port::x, false);
  for (PictureLink& link : links_of(config_, layout_, Port::y, false)) links.push_back(link);
  const PictureArcs arcs(std::move(links), grid_, true);
  y_ += arcs.height() + 6;
  svg_.line(grid_.place(grid_.first), y_, grid_.right(), y_, "class=\"stream\" stroke-width=\"2\"");
  arcs.draw(svg_, y_ - 4, true);
  for (int place = grid_.first; place <= grid_.last; ++place) {
    svg_.circle(grid_.place(place), y_, grid_.pitch < 40 ? 2.6 : 4.2,
                fmt::format("fill=\"{}\"", layer_colour(place - 1, grid_.layers)));
  }
  label(y_, "stream");
  if (grid_.first == 0) {
    svg_.text(grid_.place(0) - 4, y_ + 21, "embedding", "class=\"soft small\"");
  }
  if (grid_.last == grid_.layers) {
    svg_.text(grid_.right() + 4, y_ + 21, "final norm", "class=\"soft small\" text-anchor=\"end\"");
  }
  y_ += 38;
}

double Picture::strip(Port port, const char* name) {
  const PictureStrip heads(config_, layout_, port, grid_);
  heads.draw(svg_, y_);
  label(y_ + heads.height() / 2, name);
  return heads.height();
}

void Picture::layer_numbers(double y) {
  for (int l = grid_.first; l < grid_.last; ++l) {
    svg_.text(grid_.centre(l), y, std::to_string(l), "class=\"soft small\" text-anchor=\"middle\"");
  }
}

PictureArcs Picture::curves(Port port) const {
  return PictureArcs(links_of(config_, layout_, port, false), grid_, false);
}

// Outputs under the values that they read. `below`: what the curves under the values need; then
// those under the outputs.
void Picture::outputs(double& below) {
  const double from = y_;
  y_ += std::max(below, 56.0) + kGap;
  std::vector<PictureLink> links = links_of(config_, layout_, Port::o, true);
  const PictureGuests guests(links, grid_, false);
  for (const PictureLink& link : links) {
    const bool guest = guests.has(link.from);
    const double x = guest ? guests.x_of(link.from) : grid_.centre(link.from);
    const std::string colour =
        guest ? guests.colour_of(link.from) : layer_colour(link.from, grid_.layers);
    svg_.flow(x, from, grid_.centre(link.to), y_,
              fmt::format("{} stroke=\"{}\"", link_look(link, grid_.pitch), colour), link.tip);
  }
  guests.draw(svg_, from - 12);
  const PictureArcs arcs = curves(Port::o);
  y_ += strip(Port::o, "outputs");
  arcs.draw(svg_, y_, false);
  below = arcs.height();
}

// Queries and keys with their curves above, values with theirs below, outputs under the values that
// they read.
void Picture::ports() {
  double top = 0;
  if (mixed(Port::q)) {
    const PictureArcs arcs = curves(Port::q);
    y_ += arcs.height() + kGap;
    top = y_;
    arcs.draw(svg_, y_, true);
    y_ += strip(Port::q, "queries");
  }
  const PictureArcs of_keys = curves(Port::k);
  y_ += of_keys.height() + kGap;
  if (top == 0) top = y_;
  of_keys.draw(svg_, y_, true);
  y_ += strip(Port::k, "keys");
  layer_numbers(y_ + 16);
  y_ += 24;
  y_ += strip(Port::v, "values");
  const PictureArcs of_values = curves(Port::v);
  of_values.draw(svg_, y_, false);
  double below = of_values.height();
  if (mixed(Port::o)) outputs(below);
  const double bottom = y_;
  for (int l = grid_.first; l < grid_.last; ++l) {
    under_.rect(grid_.centre(l) - grid_.card() / 2, top - 10, grid_.card(), bottom - top + 20,
                "class=\"card\" rx=\"8\"");
  }
  y_ = bottom + std::max(below, 10.0) + kGap;
}

void Picture::row(const char* name, const std::function<std::string(int layer)>& content) {
  for (int l = grid_.first; l < grid_.last; ++l) {
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
  row("kind", [&](int l) {
    return std::string(1, static_cast<char>('A' + kind_of_[static_cast<size_t>(l)] % 26));
  });
}

void Picture::kinds() {
  if (kinds_.size() < 2) return;
  std::string text;
  for (size_t kind = 0; kind < kinds_.size(); ++kind) {
    text += kind == 0 ? "" : "  ·  ";
    text += std::string(1, static_cast<char>('A' + kind % 26)) + ": " + kinds_[kind];
  }
  y_ = draw_paragraph(svg_, kMargin + kLabels - 4, right(), y_ + 12, text, kSmallFace) - 10;
}

// One row of layers with all that belongs to them.
void Picture::band() {
  if (mixed(Port::x) || mixed(Port::y)) stream();
  ports();
  rows();
  y_ = gains_.draw(svg_, grid_, y_ - 8) + 8;
}

std::string Picture::document() {
  header();
  for (int first = 0; first < grid_.layers; first += columns_) {
    if (first > 0) y_ += 22;
    grid_.first = first;
    grid_.last = std::min(first + columns_, grid_.layers);
    band();
  }
  kinds();
  const PictureFrame below{kMargin + kLabels - 4, right(), grid_};
  y_ = draw_formulas(svg_, config_, layout_, below, y_);
  y_ = draw_legend(svg_, layout_, gains_, subject_.trained, below, y_);
  const double height = y_ + 4;
  Svg page;
  page.rect(0.5, 0.5, width_ - 1, height - 1, "class=\"page\" rx=\"14\"");
  page.append(under_);
  page.append(svg_);
  std::string description = "What the layers read of each other.";
  for (const FormulaLine& line : formulas(config_, layout_)) {
    description += " " + line.text + " (layers " + ranges(line.layers) + ").";
  }
  return page.document(width_, height, "weft: " + heading_, description, kStyle);
}

}  // namespace

std::string wiring_picture(const ModelConfig& config, const Layout& layout,
                           const Explanation& explanation, const PictureSubject& subject) {
  return Picture(config, layout, explanation, subject).document();
}

}  // namespace weft
