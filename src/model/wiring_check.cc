#include "model/wiring_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
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

  void gains(const std::vector<bool>& read) const {
    for (size_t i = 0; i < wiring_.gains.size(); ++i) {
      const Gain& g = wiring_.gains[i];
      if (!read[i]) {
        fail(ErrorCode::config,
             {op(), "a term that reads every learned gain", describe(i) + " without a reader", ""});
      }
      if (g.row < 0 || g.column < 0 || (g.kind != GainKind::scalar && g.column > 0)) share(i);
    }
    std::vector<size_t> order(wiring_.gains.size());
    std::iota(order.begin(), order.end(), size_t{0});
    const auto element = [&](size_t i) {
      const Gain& g = wiring_.gains[i];
      return std::tuple<std::string_view, int, int>(g.tensor, g.row, g.column);
    };
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return element(a) < element(b); });
    for (size_t i = 1; i < order.size(); ++i) {
      const Gain &one = wiring_.gains[order[i - 1]], &other = wiring_.gains[order[i]];
      if (element(order[i - 1]) == element(order[i])) share(order[i]);
      if (one.tensor == other.tensor && one.kind != other.kind) share(order[i]);
    }
  }

  // The shape of a gate is that of its destination, and its input is made before q, k, v and o.
  void gate(const Mix& mix, const Heads& heads, const Term& term, std::map<int, Tap>& gates) const {
    if (term.gain < 0) return;
    if (wiring_.gains[static_cast<size_t>(term.gain)].kind != GainKind::gate) return;
    const Tap& to = mix.destination;
    if (to.port == Port::x || to.port == Port::y) {
      refuse(mix, heads, "a gate on q, k, v or o", name_of(to.port));
    }
    const auto [at, fresh] = gates.try_emplace(term.gain, to);
    if (!fresh && at->second != to) {
      refuse(mix, heads, "a gate of its own", "that of " + text(at->second));
    }
  }

  void layers() const {
    std::set<ExtraKv> seen;
    for (const ExtraKv& e : wiring_.extra_kv) {
      const std::string where = fmt::format("{}, layer {}", op(), e.layer);
      if (e.layer < 0 || e.layer > last_layer() || e.source < 0 || e.source >= e.layer) {
        fail(ErrorCode::config, {where, "keys and values of an earlier layer",
                                 fmt::format("those of layer {}", e.source), ""});
      }
      const int64_t want = layer_of(config_, e.layer).kv_heads;
      const int64_t have = layer_of(config_, e.source).kv_heads;
      if (want != have) {
        fail(ErrorCode::config, {where, fmt::format("a source with {} kv heads", want),
                                 fmt::format("layer {} with {}", e.source, have), ""});
      }
      if (!seen.insert(e).second) {
        fail(ErrorCode::config,
             {where, "every source once", fmt::format("layer {} twice", e.source), ""});
      }
    }
    for (const int l : wiring_.split_norm) {
      if (l >= 0 && l <= last_layer()) continue;
      fail(ErrorCode::config, {op() + ", split_norm", fmt::format("layers 0 to {}", last_layer()),
                               std::to_string(l), ""});
    }
  }

  [[noreturn]] void overlap(const Mix& mix, const HeadTap& tap) const {
    fail(ErrorCode::config, {op(mix) + ", " + weft::describe(tap), "at most one mix on a head",
                             "two of the same wiring", ""});
  }

 private:
  std::string describe(size_t gain) const {
    const Gain& g = wiring_.gains[gain];
    return fmt::format("gain {} ({}[{}, {}])", gain, g.tensor, g.row, g.column);
  }
  [[noreturn]] void share(size_t gain) const {
    fail(ErrorCode::config,
         {op(), "an element of its own for every gain, of one kind a tensor", describe(gain), ""});
  }
  std::string op() const { return "wiring " + wiring_.name; }
  std::string op(const Mix& mix) const {
    return mix.origin.empty() ? op() : op() + ", " + mix.origin;
  }
  int last_layer() const { return static_cast<int>(config_.layer.size()) - 1; }

  [[noreturn]] void refuse(const Mix& mix, const Heads& heads, std::string expected,
                           std::string got) const {
    fail(ErrorCode::config, {op(mix) + ", " + weft::describe(mix.destination, heads),
                             std::move(expected), std::move(got), ""});
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

HeadRules spread(const ModelConfig& config, const HeadIntervals& intervals, const Wiring& wiring,
                 int index, int first_gain) {
  const Checker check(config, wiring);
  HeadRules rules;
  std::vector<bool> read(wiring.gains.size(), false);
  std::map<int, Tap> gates;
  for (const Mix& mix : wiring.mixes) {
    const Heads heads = check.heads(mix);
    const Tap& to = mix.destination;
    HeadRule rule{mix.terms, index};
    for (Term& term : rule.terms) {
      check.term(mix, heads, term);
      check.gate(mix, heads, term, gates);
      if (term.gain < 0) continue;
      if (term.scale != 0) read[static_cast<size_t>(term.gain)] = true;
      term.gain += first_gain;
    }
    for (int h = heads.first; h < heads.last; h = intervals.end(to.port, to.layer, h)) {
      const HeadTap tap{to.layer, to.port, h};
      if (!rules.emplace(tap, rule).second) check.overlap(mix, tap);
    }
  }
  check.gains(read);
  check.layers();
  return rules;
}

}  // namespace weft
