#include "model/own_mix.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "io/utf8.h"
#include "model/head_rules.h"
#include "model/tap_pattern.h"

namespace weft {
namespace {

constexpr size_t kMostTables = 256;
constexpr size_t kMostTerms = 64;       // of a table, as written
constexpr int64_t kMostHeads = 1024;    // as many as a model may have
constexpr int64_t kMostReads = 262144;  // terms times heads of all layers together
constexpr double kLargest = 1e6;        // of scale and gain

[[noreturn]] void refuse(std::string where, std::string expected, std::string got,
                         std::string hint = "") {
  fail(ErrorCode::config, {std::move(where), std::move(expected), std::move(got), std::move(hint)});
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

void check_name(const std::string& name, const std::string& where) {
  if (name.size() <= 64 && std::all_of(name.begin(), name.end(), is_name_character)) return;
  refuse(where + ".name", "up to 64 letters, digits, _ and -", io::in_quotes(name));
}

void check_coefficient(double value, const std::string& where) {
  if (std::abs(value) <= kLargest) return;
  refuse(where, fmt::format("a number from {} to {}", -kLargest, kLargest),
         fmt::format("{}", value));
}

// 1 - g of the term before: that one has to have a single g.
void check_complement(const MixConfig& mix, size_t t, const std::string& where) {
  const MixTermConfig& term = mix.terms[t];
  if (term.gain != 1 || term.learn) {
    refuse(where + ".complement", "no gain and no learn beside it",
           term.learn ? "learn = true" : fmt::format("gain = {}", term.gain),
           "it takes one minus the gain of the term before it");
  }
  const bool first = t == 0;
  if (!first && !mix.terms[t - 1].complement && !parse_source(mix.terms[t - 1].from, where).range) {
    return;
  }
  refuse(where + ".complement", "a term before it with a gain of its own",
         first                         ? "the first term"
         : mix.terms[t - 1].complement ? "another complement"
                                       : "a range");
}

void check_term(const MixConfig& mix, size_t t, const std::string& where) {
  const MixTermConfig& term = mix.terms[t];
  parse_source(term.from, where + ".from");
  check_coefficient(term.scale, where + ".scale");
  check_coefficient(term.gain, where + ".gain");
  if (term.learn && term.scale == 0) {
    refuse(where + ".scale", "a number other than 0 where learn = true", "0",
           "a gain that starts at 0 is gain = 0");
  }
  if (term.complement) check_complement(mix, t, where);
}

int last_layer(Port port, int depth) {
  return port == Port::x ? depth : depth - 1;
}

bool exists(const Tap& tap, int depth) {
  return tap.layer >= (tap.port == Port::y ? -1 : 0) && tap.layer <= last_layer(tap.port, depth);
}

class Expander {
 public:
  explicit Expander(const ModelConfig& config)
      : config_(config), depth_(static_cast<int>(config.depth())) {}

  Wiring run() {
    if (config_.mixes.size() > kMostTables) {
      refuse("model.mix", fmt::format("at most {} tables", kMostTables),
             std::to_string(config_.mixes.size()));
    }
    for (size_t i = 0; i < config_.mixes.size(); ++i) add(config_.mixes[i], i);
    return std::move(wiring_);
  }

 private:
  void add(const MixConfig& mix, size_t number) {
    const std::string where = fmt::format("model.mix[{}]", number);
    check_mix(mix, where);
    const TapPattern to = parse_destination(mix.to, where + ".to");
    std::vector<TapPattern> from;
    for (const MixTermConfig& term : mix.terms) from.push_back(parse_source(term.from, where));
    const std::vector<int> layers = destinations(to, mix.to, where);
    const size_t first_gain = wiring_.gains.size();
    std::vector<int> learned;  // gains of each destination
    for (const int layer : layers) {
      const size_t before = wiring_.gains.size();
      wiring_.mixes.push_back(expand(mix, from, {to.port, layer}, where));
      learned.push_back(static_cast<int>(wiring_.gains.size() - before));
    }
    name_gains(first_gain, layers, learned, take_name(mix, to.port, number, where));
  }

  std::vector<int> destinations(const TapPattern& to, const std::string& text,
                                const std::string& where) const {
    const int most = last_layer(to.port, depth_);
    const int first = to.first.at(0, depth_), last = to.open ? most : to.last.at(0, depth_);
    if (first < 0 || first > last || last > most) {
      refuse(where + ".to", fmt::format("layers from 0 to {}, ascending", most),
             io::in_quotes(text));
    }
    std::vector<int> layers;
    for (int l = first; l <= last; l += to.step) layers.push_back(l);
    return layers;
  }

  Mix expand(const MixConfig& mix, const std::vector<TapPattern>& from, const Tap& to,
             const std::string& where) {
    Mix out{to, {}, {}, where};
    if (!mix.heads.empty()) {
      out.heads = {static_cast<int>(mix.heads[0]), static_cast<int>(mix.heads[1])};
    }
    for (size_t t = 0; t < from.size(); ++t) {
      add_terms(mix, t, from[t], fmt::format("{}.terms[{}].from", where, t), out);
    }
    const int heads = mix.heads.empty()
                          ? head_count(config_, to.port, std::min(to.layer, depth_ - 1))
                          : out.heads.last - out.heads.first;
    reads_ += static_cast<int64_t>(out.terms.size()) * heads;
    if (reads_ > kMostReads) {
      refuse(where + ".terms", fmt::format("at most {} terms times heads in a model", kMostReads),
             "more", "name fewer layers or heads");
    }
    return out;
  }

  void add_terms(const MixConfig& mix, size_t t, const TapPattern& from, const std::string& where,
                 Mix& out) {
    const int l = out.destination.layer;
    const Tap first{from.port, from.first.at(l, depth_)}, last{from.port, from.last.at(l, depth_)};
    if (first.layer > last.layer || !exists(first, depth_) || !exists(last, depth_)) {
      const std::string at =
          from.range ? fmt::format("{}..{}", first.layer, last.layer) : std::to_string(first.layer);
      refuse(where, "a source that exists for every layer of the destination",
             fmt::format("{}[{}] for layer {}", name_of(from.port), at, l),
             "change the layers of to");
    }
    for (int source = first.layer; source <= last.layer; ++source) {
      out.terms.push_back(coefficient(mix, t));
      out.terms.back().source = {from.port, source, mix.terms[t].raw};
    }
  }

  // A term without its source.
  Term coefficient(const MixConfig& mix, size_t t) {
    const MixTermConfig& own = mix.terms[t];
    const MixTermConfig& term = own.complement ? mix.terms[t - 1] : own;
    if (!term.learn) return {{}, own.scale * (own.complement ? 1 - term.gain : term.gain)};
    // The name and place follow when all destinations are known.
    if (!own.complement) wiring_.gains.push_back({GainKind::scalar, "", 0, 0, own.gain});
    return {{}, own.scale, static_cast<int>(wiring_.gains.size()) - 1, own.complement};
  }

  void name_gains(size_t gain, const std::vector<int>& layers, const std::vector<int>& learned,
                  const std::string& name) {
    const bool matrix = std::equal(learned.begin() + 1, learned.end(), learned.begin());
    for (size_t i = 0; i < layers.size(); ++i) {
      for (int k = 0; k < learned[i]; ++k) {
        Gain& g = wiring_.gains[gain++];
        g.tensor = matrix ? "mix." + name : fmt::format("mix.{}.{}", name, layers[i]);
        g.row = matrix ? static_cast<int>(i) : k;
        g.column = matrix ? k : 0;
      }
    }
  }

  std::string take_name(const MixConfig& mix, Port port, size_t number, const std::string& where) {
    std::string name = mix.name.empty() ? fmt::format("{}{}", name_of(port), number) : mix.name;
    if (!names_.insert(name).second) {
      refuse(where + ".name", "a name that no other table has", io::in_quotes(name));
    }
    return name;
  }

  const ModelConfig& config_;
  int depth_;
  Wiring wiring_{"mix", {}, {}};
  std::set<std::string> names_;
  int64_t reads_ = 0;
};

}  // namespace

void check_mix(const MixConfig& mix, const std::string& where) {
  check_name(mix.name, where);
  parse_destination(mix.to, where + ".to");
  const auto& h = mix.heads;
  if (!h.empty() && (h.size() != 2 || h[0] < 0 || h[0] >= h[1] || h[1] > kMostHeads)) {
    refuse(where + ".heads", "the first head and the one after the last", to_string(Arg(h)),
           "[0, 2] is heads 0 and 1");
  }
  if (mix.terms.empty() || mix.terms.size() > kMostTerms) {
    refuse(where + ".terms", fmt::format("1 to {} terms", kMostTerms),
           std::to_string(mix.terms.size()), "a range of layers is one term");
  }
  for (size_t t = 0; t < mix.terms.size(); ++t) {
    check_term(mix, t, fmt::format("{}.terms[{}]", where, t));
  }
}

Wiring own_wiring(const ModelConfig& config) {
  return Expander(config).run();
}

}  // namespace weft
