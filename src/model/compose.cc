#include "model/compose.h"

#include <fmt/format.h>

#include <numeric>
#include <set>
#include <tuple>

#include "base/error.h"

namespace weft {
namespace {

using Groups =
    std::vector<int>;  // [1 + layer] 1 + the layer whose value it reads in the end; y starts at -1

// True where layers of one group of `fine` are of one group of `coarse`.
bool refines(const Groups& fine, const Groups& coarse) {
  for (size_t l = 0; l < fine.size(); ++l) {
    if (coarse[l] != coarse[static_cast<size_t>(fine[l])]) return false;
  }
  return true;
}

class Composer {
 public:
  Composer(const ModelConfig& config, const std::vector<HeadRules>& wirings,
           const std::vector<std::string>& names)
      : layers_(static_cast<int>(config.layer.size())),
        blends_stay_(config.composition == kBlendFollower),
        wirings_(wirings),
        names_(names) {
    result_.dropped.assign(names.size(), 0);
  }

  Composition run() {
    std::set<HeadTap> taps;
    for (const HeadRules& rules : wirings_) {
      for (const auto& entry : rules) taps.insert(entry.first);
    }
    for (const HeadTap& tap : taps) add(tap);
    write_notes();
    return std::move(result_);
  }

 private:
  void add(const HeadTap& tap) {
    std::vector<int> aliases, blends;
    for (size_t w = 0; w < wirings_.size(); ++w) {
      const auto rule = wirings_[w].find(tap);
      if (rule == wirings_[w].end()) continue;
      (is_alias(tap, rule->second) ? aliases : blends).push_back(static_cast<int>(w));
    }
    if ((aliases.empty() || blends_stay_) && blends.size() > 1) {
      refuse(tap, blends[0], blends[1], "one blend on a head", "two");
    }
    if (aliases.empty()) {
      result_.rules.emplace(tap, rule_of(blends.front(), tap));
      return;
    }
    const int winner = coarsest(tap, aliases);
    for (const int w : aliases) {
      if (groups(tap, w) != groups(tap, winner)) overrule(w, winner, Overruled::finer, tap);
    }
    if (!blends.empty() && blends_stay_) return follow(tap, blends.front(), winner);
    for (const int w : blends) {
      ++result_.dropped[static_cast<size_t>(w)];
      overrule(w, winner, Overruled::blend, tap);
    }
    result_.rules.emplace(tap, rule_of(winner, tap));
  }

  // The blend with what the alias reads in the place of its own value.
  void follow(const HeadTap& tap, int blend, int alias) {
    HeadRule rule = rule_of(blend, tap);
    bool redirected = false;
    for (Term& term : rule.terms) {
      if (!same_place(tap, term.source)) continue;
      term.source = rule_of(alias, tap).terms.front().source;
      redirected = true;
    }
    if (!redirected) ++result_.dropped[static_cast<size_t>(alias)];
    overrule(alias, blend, Overruled::alias, tap);
    result_.rules.emplace(tap, std::move(rule));
  }

  int coarsest(const HeadTap& tap, const std::vector<int>& aliases) {
    int best = aliases.front();
    for (const int w : aliases) {
      for (const int other : aliases) {
        if (other <= w) continue;
        raw_alone(tap, w, other);
        if (!refines(groups(tap, w), groups(tap, other)) &&
            !refines(groups(tap, other), groups(tap, w))) {
          refuse(tap, w, other, "sharing in which one grouping of layers refines the other",
                 "groups that are not nested");
        }
      }
      if (refines(groups(tap, best), groups(tap, w))) best = w;
    }
    return best;
  }

  void raw_alone(const HeadTap& tap, int a, int b) const {
    for (const int w : {a, b}) {
      for (int l = 0; l <= layers_; ++l) {
        const HeadTap at{l, tap.port, tap.head};
        const auto rule = wirings_[static_cast<size_t>(w)].find(at);
        if (rule == wirings_[static_cast<size_t>(w)].end() || !is_alias(at, rule->second)) continue;
        if (!rule->second.terms.front().source.raw) continue;
        refuse(at, a, b, "final sources where two wirings share on a head",
               "a raw source in " + names_[static_cast<size_t>(w)]);
      }
    }
  }

  const Groups& groups(const HeadTap& tap, int wiring) {
    const auto [it, fresh] = groups_.try_emplace({wiring, tap.port, tap.head});
    Groups& g = it->second;
    if (!fresh) return g;
    g.resize(static_cast<size_t>(layers_) + 2);  // x has one layer more: the final norm's input
    std::iota(g.begin(), g.end(), 0);
    const HeadRules& rules = wirings_[static_cast<size_t>(wiring)];
    for (int l = 0; l <= layers_; ++l) {
      const HeadTap at{l, tap.port, tap.head};
      const auto rule = rules.find(at);
      if (rule == rules.end() || !is_alias(at, rule->second)) continue;
      g[static_cast<size_t>(l + 1)] =
          g[static_cast<size_t>(rule->second.terms.front().source.layer + 1)];
    }
    return g;
  }

  void write_notes() {
    for (const auto& [key, layers] : overruled_) {
      const auto& [loser, winner, port, how] = key;
      const std::string on = fmt::format("{} of layers {}", name_of(port), fmt::join(layers, ", "));
      const std::string& name = names_[static_cast<size_t>(loser)];
      const std::string& over = names_[static_cast<size_t>(winner)];
      switch (how) {
        case Overruled::blend:
          result_.notes.push_back(
              fmt::format("{}: gives way on {}, where {} reads another layer's", name, on, over));
          break;
        case Overruled::finer:
          result_.notes.push_back(
              fmt::format("{}: on {} the coarser sharing of {} holds", name, on, over));
          break;
        case Overruled::alias:
          result_.notes.push_back(
              fmt::format("{}: what it reads on {} is mixed by {}, not shared", name, on, over));
          break;
      }
    }
  }

  [[noreturn]] void refuse(const HeadTap& tap, int a, int b, std::string expected,
                           std::string got) const {
    fail(ErrorCode::config, {fmt::format("wiring {} + {}, {}", names_[static_cast<size_t>(a)],
                                         names_[static_cast<size_t>(b)], describe(tap)),
                             std::move(expected), std::move(got), "choose one of the two"});
  }

  enum class Overruled : uint8_t { blend, finer, alias };  // what the loser is
  void overrule(int loser, int winner, Overruled how, const HeadTap& tap) {
    overruled_[{loser, winner, tap.port, how}].insert(tap.layer);
  }
  const HeadRule& rule_of(int wiring, const HeadTap& tap) const {
    return wirings_[static_cast<size_t>(wiring)].at(tap);
  }

  int layers_;
  bool blends_stay_;
  const std::vector<HeadRules>& wirings_;
  const std::vector<std::string>& names_;
  Composition result_;
  std::map<std::tuple<int, Port, int>, Groups> groups_;
  std::map<std::tuple<int, int, Port, Overruled>, std::set<int>> overruled_;  // -> layers
};

}  // namespace

Composition compose(const ModelConfig& config, const std::vector<HeadRules>& wirings,
                    const std::vector<std::string>& names) {
  return Composer(config, wirings, names).run();
}

}  // namespace weft
