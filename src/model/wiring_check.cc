#include "model/wiring_check.h"

#include <fmt/format.h>

#include <set>
#include <string_view>
#include <tuple>

#include "base/error.h"

namespace weft {

const char* name_of(Port port) {
  constexpr const char* names[] = {"x", "q", "k", "v", "o", "y"};
  return names[static_cast<size_t>(port)];
}

std::string describe(const Tap& tap, const Heads& heads) {
  if (heads.last - heads.first == 1) {
    return fmt::format("layer {}, {}, head {}", tap.layer, name_of(tap.port), heads.first);
  }
  return fmt::format("layer {}, {}, heads {}-{}", tap.layer, name_of(tap.port), heads.first,
                     heads.last - 1);
}

std::string describe(const HeadTap& tap) {
  return describe(Tap{tap.port, tap.layer}, {tap.head, tap.head + 1});
}

namespace {

std::string text(const Tap& tap) {
  return fmt::format("{}[{}]", name_of(tap.port), tap.layer);
}

// Sources that a port may read, as letters.
std::string_view sources_of(Port port) {
  constexpr std::string_view sources[] = {"xy", "q", "k", "v", "ov", "yx"};
  return sources[static_cast<size_t>(port)];
}

int key(const Tap& tap) {
  return 8 * tap.layer + static_cast<int>(tap.port);
}

bool exists(const ModelConfig& config, const Tap& tap) {
  const int layers = static_cast<int>(config.layer.size());
  if (tap.port == Port::y && tap.layer == -1) return true;
  if (tap.port == Port::x && tap.layer == layers) return true;
  return tap.layer >= 0 && tap.layer < layers;
}

class Checker {
 public:
  Checker(const ModelConfig& config, const Wiring& wiring) : config_(config), wiring_(wiring) {}

  Heads heads(const Mix& mix) const {
    if (!exists(config_, mix.destination) || mix.destination.layer < 0) {
      refuse(mix, mix.heads, fmt::format("a destination in layers 0 to {}", last_layer()),
             text(mix.destination));
    }
    const int all = head_count(config_, mix.destination.port, mix.destination.layer);
    Heads h = mix.heads;
    if (h.last == -1) h.last = all;
    if (h.first < 0 || h.first >= h.last || h.last > all) {
      refuse(mix, h, fmt::format("heads within 0-{}", all - 1),
             h.first >= h.last ? "no head" : fmt::format("{}-{}", h.first, h.last - 1));
    }
    return h;
  }

  void term(const Mix& mix, const Heads& heads, const Term& term) const {
    const Tap& to = mix.destination;
    const Tap& from = term.source;
    if (!exists(config_, from)) {
      refuse(mix, heads, fmt::format("sources in layers 0 to {}", last_layer()), text(from));
    }
    if (sources_of(to.port).find(name_of(from.port)) == std::string_view::npos) {
      refuse(mix, heads, fmt::format("sources of port {}", fmt::join(sources_of(to.port), " or ")),
             text(from));
    }
    const bool self = to.port == from.port && to.layer == from.layer;
    if (!self && key(from) >= key(to)) {
      refuse(mix, heads, "a source that is computed before", text(from));
    }
    widths(mix, heads, from);
    if (term.gain >= static_cast<int>(wiring_.gains.size()) || term.gain < -1) {
      refuse(mix, heads, fmt::format("a gain below {}", wiring_.gains.size()),
             fmt::format("gain {}", term.gain));
    }
  }

  void gains(const std::set<int>& read) const {
    std::set<std::tuple<std::string, int, int>> elements;
    for (size_t i = 0; i < wiring_.gains.size(); ++i) {
      const Gain& g = wiring_.gains[i];
      const std::string name = fmt::format("gain {} ({}[{}, {}])", i, g.tensor, g.row, g.column);
      if (!read.contains(static_cast<int>(i))) {
        fail(ErrorCode::config,
             {op(), "a term that reads every learned gain", name + " without a reader", ""});
      }
      if (g.row < 0 || g.column < 0 || !elements.insert({g.tensor, g.row, g.column}).second) {
        fail(ErrorCode::config, {op(), "an element of its own for every gain", name, ""});
      }
    }
  }

  [[noreturn]] void overlap(const HeadTap& tap) const {
    fail(ErrorCode::config,
         {op() + ", " + describe(tap), "at most one mix on a head", "two of the same wiring", ""});
  }

 private:
  std::string op() const { return "wiring " + wiring_.name; }
  int last_layer() const { return static_cast<int>(config_.layer.size()) - 1; }

  [[noreturn]] void refuse(const Mix& mix, const Heads& heads, std::string expected,
                           std::string got) const {
    fail(ErrorCode::config,
         {op() + ", " + describe(mix.destination, heads), std::move(expected), std::move(got), ""});
  }

  // k and v heads pair off one to one; into o, a kv head feeds the query heads of its group.
  void widths(const Mix& mix, const Heads& heads, const Tap& from) const {
    if (from.port != Port::k && from.port != Port::v) return;
    const int want = static_cast<int>(layer_of(config_, mix.destination.layer).kv_heads);
    const int have = static_cast<int>(layer_of(config_, from.layer).kv_heads);
    if (want == have) return;
    refuse(mix, heads, fmt::format("a source with {} kv heads, as the layer itself has", want),
           fmt::format("{} with {}", text(from), have));
  }

  const ModelConfig& config_;
  const Wiring& wiring_;
};

}  // namespace

HeadRules spread(const ModelConfig& config, const Wiring& wiring, int index, int first_gain) {
  const Checker check(config, wiring);
  HeadRules rules;
  std::set<int> read;
  for (const Mix& mix : wiring.mixes) {
    const Heads heads = check.heads(mix);
    HeadRule rule{mix.terms, index};
    for (Term& term : rule.terms) {
      check.term(mix, heads, term);
      if (term.gain < 0) continue;
      if (term.scale != 0) read.insert(term.gain);
      term.gain += first_gain;
    }
    for (int h = heads.first; h < heads.last; ++h) {
      const HeadTap tap{mix.destination.layer, mix.destination.port, h};
      if (!rules.emplace(tap, rule).second) check.overlap(tap);
    }
  }
  check.gains(read);
  return rules;
}

}  // namespace weft
