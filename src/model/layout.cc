#include "model/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "model/cache.h"
#include "model/compose.h"
#include "model/config_check.h"
#include "model/key_check.h"
#include "model/normal_form.h"
#include "model/wiring_check.h"

namespace weft {
namespace {

// By name, so that the order in the configuration has no influence on anything.
std::vector<Wiring> make_wirings(const ModelConfig& config, const Axes& axes) {
  std::vector<WiringConfig> sorted = config.wiring;
  std::sort(sorted.begin(), sorted.end(),
            [](const WiringConfig& a, const WiringConfig& b) { return a.name < b.name; });
  std::vector<Wiring> wirings;
  for (const WiringConfig& w : sorted) wirings.push_back(make_wiring(config, w, axes.wirings));
  return wirings;
}

// A wiring that had something to say and of which nothing is left cannot be what was meant.
void check_survival(const std::vector<HeadRules>& before, const Composition& composed,
                    const std::vector<int>& vanished, const std::vector<std::string>& names) {
  for (size_t w = 0; w < names.size(); ++w) {
    const int rules = static_cast<int>(before[w].size());
    if (rules == 0 || composed.dropped[w] + vanished[w] < rules) continue;
    fail(ErrorCode::config,
         {"wiring " + names[w], "a mix that has an effect beside the other wirings",
          vanished[w] > 0 ? "terms that cancel in every layer"
                          : "every mix replaced by another wiring's sharing",
          "leave it out of model.wiring"});
  }
}

HeadRules compose_rules(const ModelConfig& config, const Axes& axes,
                        const std::vector<Wiring>& wirings, Layout& layout) {
  std::vector<HeadRules> before;
  std::vector<std::string> names;
  int first_gain = 0;
  for (size_t w = 0; w < wirings.size(); ++w) {
    names.push_back(wirings[w].name);
    before.push_back(spread(config, wirings[w], static_cast<int>(w), first_gain));
    normalise_alone(config, before.back(), names.back());
    first_gain += static_cast<int>(wirings[w].gains.size());
  }
  Composition composed = compose(config, before, names);
  const std::vector<int> vanished = normalise_together(config, composed.rules, names);
  check_survival(before, composed, vanished, names);
  check_keys(config, axes, composed.rules, names);
  layout.notes = std::move(composed.notes);
  return std::move(composed.rules);
}

// Lays the gains that are read into their tensors, rows without a reader left out, and renumbers
// the terms' gains to indices of layout.gains.
void place_gains(const std::vector<Wiring>& wirings, HeadRules& rules, Layout& layout) {
  std::vector<Gain> all;
  for (const Wiring& w : wirings) all.insert(all.end(), w.gains.begin(), w.gains.end());
  std::set<int> read;
  for (const auto& [tap, rule] : rules) {
    for (const Term& t : rule.terms) {
      if (t.gain >= 0) read.insert(t.gain);
    }
  }
  std::map<std::string, std::set<int>> rows;
  for (const int g : read)
    rows[all[static_cast<size_t>(g)].tensor].insert(all[static_cast<size_t>(g)].row);

  std::map<std::string, int> columns;
  for (const Gain& g : all) columns[g.tensor] = std::max(columns[g.tensor], g.column + 1);
  std::map<std::string, int> tensors;
  for (const auto& [name, kept] : rows) {
    const int64_t n = static_cast<int64_t>(kept.size()), m = columns[name];
    tensors[name] = static_cast<int>(layout.gain_tensors.size());
    layout.gain_tensors.push_back({name, m == 1 ? Shape{n} : Shape{n, m},
                                   std::vector<double>(static_cast<size_t>(n * m), 0.0)});
  }
  std::map<int, int> renumbered;
  for (size_t i = 0; i < all.size(); ++i) {
    const Gain& g = all[i];
    const auto kept = rows.find(g.tensor);
    if (kept == rows.end() || !kept->second.contains(g.row)) continue;
    const int64_t row = std::distance(kept->second.begin(), kept->second.find(g.row));
    const GainRef ref{tensors[g.tensor], row * columns[g.tensor] + g.column};
    layout.gain_tensors[static_cast<size_t>(ref.tensor)].init[static_cast<size_t>(ref.element)] =
        g.init;
    renumbered[static_cast<int>(i)] = static_cast<int>(layout.gains.size());
    layout.gains.push_back(ref);
  }
  for (auto& [tap, rule] : rules) {
    for (Term& t : rule.terms) t.gain = t.gain < 0 ? -1 : renumbered.at(t.gain);
  }
}

// Neighbouring heads with equal terms become one mix.
void gather_mixes(const HeadRules& rules, Layout& layout) {
  for (const auto& [tap, rule] : rules) {
    const Tap destination{tap.port, tap.layer};
    if (!layout.mixes.empty()) {
      ResolvedMix& last = layout.mixes.back();
      if (last.destination == destination && last.heads.last == tap.head &&
          last.terms == rule.terms) {
        ++last.heads.last;
        continue;
      }
    }
    layout.mixes.push_back(
        {destination, {tap.head, tap.head + 1}, rule.terms, is_alias(tap, rule)});
  }
}

// A head is projected where something reads its raw value: its own attention, its own mix, or
// another's.
std::vector<std::vector<int>> projected(const ModelConfig& config, const HeadRules& rules,
                                        Port port) {
  std::set<HeadTap> read;
  for (const auto& [tap, rule] : rules) {
    for (const Term& t : rule.terms) {
      const HeadTensor source = source_of(config, {}, tap, t);
      if (t.source.raw) read.insert({source.layer, source.port, source.head});
    }
  }
  std::vector<std::vector<int>> heads(config.layer.size());
  for (int l = 0; l < static_cast<int>(heads.size()); ++l) {
    for (int h = 0; h < head_count(config, port, l); ++h) {
      const HeadTap tap{l, port, h};
      if (!rules.contains(tap) || read.contains(tap)) heads[static_cast<size_t>(l)].push_back(h);
    }
  }
  return heads;
}

}  // namespace

TapHead Layout::resolve(Port port, int layer, int head) const {
  const auto after = std::upper_bound(
      mixes.begin(), mixes.end(), HeadTap{layer, port, head},
      [](const HeadTap& tap, const ResolvedMix& m) {
        return tap < HeadTap{m.destination.layer, m.destination.port, m.heads.first};
      });
  if (after == mixes.begin()) return {layer, head, true};
  const ResolvedMix& mix = *std::prev(after);
  if (mix.destination != Tap{port, layer} || head >= mix.heads.last) return {layer, head, true};
  if (!mix.alias) return {layer, head, false};
  const Tap& source = mix.terms.front().source;
  return {source.layer, head, source.raw};
}

Layout derive_layout(const ModelConfig& config, const Axes& axes) {
  check_config(config, axes);
  Layout layout;
  const std::vector<Wiring> wirings = make_wirings(config, axes);
  HeadRules rules = compose_rules(config, axes, wirings, layout);
  place_gains(wirings, rules, layout);
  gather_mixes(rules, layout);
  layout.k_heads = projected(config, rules, Port::k);
  layout.v_heads = projected(config, rules, Port::v);
  layout.cache = derive_cache(config, axes, layout);
  return layout;
}

}  // namespace weft
