#include "model/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "base/error.h"
#include "model/cache.h"
#include "model/compose.h"
#include "model/config_check.h"
#include "model/gain_layout.h"
#include "model/key_check.h"
#include "model/loop.h"
#include "model/normal_form.h"
#include "model/own_mix.h"
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
  if (!config.mixes.empty()) wirings.push_back(own_wiring(config));
  if (config.loop.inject) wirings.push_back(loop_injection(config));
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
          "leave it out"});
  }
}

HeadRules compose_rules(const ModelConfig& config, const Axes& axes,
                        const std::vector<Wiring>& wirings, const HeadIntervals& heads,
                        Layout& layout) {
  std::vector<HeadRules> before;
  std::vector<std::string> names;
  int first_gain = 0;
  for (size_t w = 0; w < wirings.size(); ++w) {
    names.push_back(wirings[w].name);
    before.push_back(spread(config, heads, wirings[w], static_cast<int>(w), first_gain));
    normalise_alone(heads, before.back(), names.back());
    first_gain += static_cast<int>(wirings[w].gains.size());
  }
  Composition composed = compose(config, before, names);
  const std::vector<int> vanished = normalise_together(heads, composed.rules, names);
  check_survival(before, composed, vanished, names);
  check_keys(config, axes, composed.rules, names);
  layout.notes = std::move(composed.notes);
  return std::move(composed.rules);
}

// Neighbouring heads with equal terms become one mix.
void gather_mixes(const HeadIntervals& heads, HeadRules rules, Layout& layout) {
  for (auto& [tap, rule] : rules) {
    const Tap destination{tap.port, tap.layer};
    const int last = heads.end(tap.port, tap.layer, tap.head);
    if (!layout.mixes.empty()) {
      ResolvedMix& before = layout.mixes.back();
      if (before.destination == destination && before.heads.last == tap.head &&
          before.terms == rule.terms) {
        before.heads.last = last;
        continue;
      }
    }
    const bool alias = is_alias(tap, rule);
    layout.mixes.push_back({destination, {tap.head, last}, std::move(rule.terms), alias});
  }
}

// The weights of a looped block hold the heads that any of its executions needs, and are multiplied
// with as a whole.
void share_projections(const ModelConfig& config, std::vector<std::vector<int>>& heads) {
  std::vector<std::set<int>> needed(static_cast<size_t>(config.layers));
  const auto block = [&](size_t l) -> std::set<int>& {
    return needed[static_cast<size_t>(config.block_of(static_cast<int64_t>(l)))];
  };
  for (size_t l = 0; l < heads.size(); ++l) block(l).insert(heads[l].begin(), heads[l].end());
  for (size_t l = 0; l < heads.size(); ++l) {
    if (!heads[l].empty()) heads[l].assign(block(l).begin(), block(l).end());
  }
}

// A head is projected where something reads its raw value: its own attention, its own mix, or
// another's.
std::vector<std::vector<int>> projected(const ModelConfig& config, const Layout& layout,
                                        Port port) {
  std::vector<std::vector<bool>> read;
  for (int l = 0; l < static_cast<int>(config.layer.size()); ++l) {
    std::vector<bool>& heads =
        read.emplace_back(static_cast<size_t>(head_count(config, port, l)), true);
    for (const ResolvedMix& m : layout.mixes_on(port, l)) {
      std::fill(heads.begin() + m.heads.first, heads.begin() + m.heads.last, false);
    }
  }
  for (const ResolvedMix& m : layout.mixes) {
    // Into o, a kv head feeds the query heads of its group.
    const bool grouped = m.destination.port == Port::o && port == Port::v;
    const int64_t group = grouped ? layer_of(config, m.destination.layer).group(config.heads) : 1;
    for (const Term& t : m.terms) {
      if (t.source.port != port || !t.source.raw) continue;
      std::vector<bool>& heads = read[static_cast<size_t>(t.source.layer)];
      std::fill(heads.begin() + m.heads.first / group,
                heads.begin() + (m.heads.last + group - 1) / group, true);
    }
  }
  std::vector<std::vector<int>> out(read.size());
  for (size_t l = 0; l < read.size(); ++l) {
    for (size_t h = 0; h < read[l].size(); ++h) {
      if (read[l][h]) out[l].push_back(static_cast<int>(h));
    }
  }
  share_projections(config, out);
  return out;
}

// Sources in ascending order, each once; and the norms of layers that project keys or values.
void place_extras(const std::vector<Wiring>& wirings, size_t layers, Layout& layout) {
  layout.extra_kv.resize(layers);
  layout.kv_norm.assign(layers, false);
  std::vector<std::set<int>> sources(layers);
  for (const Wiring& w : wirings) {
    for (const ExtraKv& e : w.extra_kv) sources[static_cast<size_t>(e.layer)].insert(e.source);
    for (const int l : w.split_norm) {
      const auto layer = static_cast<size_t>(l);
      layout.kv_norm[layer] = !layout.k_heads[layer].empty() || !layout.v_heads[layer].empty();
    }
  }
  for (size_t l = 0; l < layers; ++l) layout.extra_kv[l] = {sources[l].begin(), sources[l].end()};
}

}  // namespace

std::span<const ResolvedMix> Layout::mixes_on(Port port, int layer) const {
  const auto before = [](const ResolvedMix& m, const Tap& tap) {
    return std::tuple(m.destination.layer, m.destination.port) < std::tuple(tap.layer, tap.port);
  };
  const auto after = [](const Tap& tap, const ResolvedMix& m) {
    return std::tuple(tap.layer, tap.port) < std::tuple(m.destination.layer, m.destination.port);
  };
  const Tap tap{port, layer};
  const auto first = std::lower_bound(mixes.begin(), mixes.end(), tap, before);
  return {first, std::upper_bound(first, mixes.end(), tap, after)};
}

TapHead Layout::resolve(Port port, int layer, int head) const {
  for (const ResolvedMix& mix : mixes_on(port, layer)) {
    if (head < mix.heads.first || head >= mix.heads.last) continue;
    if (!mix.alias) return {layer, head, false};
    const Tap& source = mix.terms.front().source;
    return {source.layer, head, source.raw};
  }
  return {layer, head, true};
}

double Layout::first_gain(int gain) const {
  const GainRef& ref = gains[static_cast<size_t>(gain)];
  if (ref.kind == GainKind::gate) return 0.5;
  const std::vector<double>& init = gain_tensors[static_cast<size_t>(ref.tensor)].init;
  const double own = init[static_cast<size_t>(ref.element)];
  if (ref.kind == GainKind::scalar) return own;
  double sum = 0;
  for (const double logit : init) sum += std::exp(logit);
  return gain_tensors[static_cast<size_t>(ref.companion)].init.front() * std::exp(own) / sum;
}

Layout derive_layout(const ModelConfig& config, const Axes& axes) {
  check_config(config, axes);
  Layout layout;
  const std::vector<Wiring> wirings = make_wirings(config, axes);
  const HeadIntervals heads(config, wirings);
  HeadRules rules = compose_rules(config, axes, wirings, heads, layout);
  place_gains(config, wirings, rules, layout);
  gather_mixes(heads, std::move(rules), layout);
  layout.k_heads = projected(config, layout, Port::k);
  layout.v_heads = projected(config, layout, Port::v);
  place_extras(wirings, config.layer.size(), layout);
  check_extra_keys(config, axes, layout);
  layout.cache = derive_cache(config, axes, layout);
  return layout;
}

}  // namespace weft
