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
      : layers_(static_cast<int>(config.layer.size())), wirings_(wirings), names_(names) {
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
    if (aliases.empty() && blends.size() > 1) {
      refuse(tap, blends[0], blends[1], "one blend on a head", "two");
    }
    const int winner = aliases.empty() ? blends.front() : coarsest(tap, aliases);
    result_.rules.emplace(tap, wirings_[static_cast<size_t>(winner)].at(tap));
    if (aliases.empty()) return;
    for (const int w : blends) {
      ++result_.dropped[static_cast<size_t>(w)];
      overruled_[{w, winner, tap.port, true}].insert(tap.layer);
    }
    for (const int w : aliases) {
      if (groups(tap, w) != groups(tap, winner)) {
        overruled_[{w, winner, tap.port, false}].insert(tap.layer);
      }
    }
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
      const auto& [loser, winner, port, blend] = key;
      const std::string on = fmt::format("{} of layers {}", name_of(port), fmt::join(layers, ", "));
      const std::string& name = names_[static_cast<size_t>(loser)];
      const std::string& over = names_[static_cast<size_t>(winner)];
      result_.notes.push_back(
          blend ? fmt::format("{}: gives way on {}, where {} reads another layer's", name, on, over)
                : fmt::format("{}: on {} the coarser sharing of {} holds", name, on, over));
    }
  }

  [[noreturn]] void refuse(const HeadTap& tap, int a, int b, std::string expected,
                           std::string got) const {
    fail(ErrorCode::config, {fmt::format("wiring {} + {}, {}", names_[static_cast<size_t>(a)],
                                         names_[static_cast<size_t>(b)], describe(tap)),
                             std::move(expected), std::move(got), "choose one of the two"});
  }

  int layers_;
  const std::vector<HeadRules>& wirings_;
  const std::vector<std::string>& names_;
  Composition result_;
  std::map<std::tuple<int, Port, int>, Groups> groups_;
  std::map<std::tuple<int, int, Port, bool>, std::set<int>> overruled_;  // -> layers
};

}  // namespace

Composition compose(const ModelConfig& config, const std::vector<HeadRules>& wirings,
                    const std::vector<std::string>& names) {
  return Composer(config, wirings, names).run();
}

}  // namespace weft
