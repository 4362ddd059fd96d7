#include "lab/checks/shrink.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "base/error.h"
#include "model/layout.h"

namespace weft::checks {
namespace {

/// Windows of 3, 4, ... keys in the order of their sizes.
void shrink_windows(ModelConfig& c) {
  std::set<int64_t> sizes;
  for (const LayerConfig& l : c.layer) {
    if (l.window > 0) sizes.insert(l.window);
  }
  for (LayerConfig& l : c.layer) {
    if (l.window == 0) continue;
    const auto rank = std::distance(sizes.begin(), sizes.find(l.window));
    l.window = std::min<int64_t>(l.window, 3 + rank);
  }
}

/// The smallest heads of the same ratio that leave two key/value heads wherever there were several.
void shrink_heads(ModelConfig& c) {
  int64_t divisor = c.heads, fewest = c.heads;
  for (const LayerConfig& l : c.layer) {
    divisor = std::gcd(divisor, l.kv_heads);
    if (l.kv_heads > 1) fewest = std::min(fewest, l.kv_heads);
  }
  const int64_t times = std::min(divisor, fewest / divisor >= 2 ? int64_t{1} : int64_t{2});
  for (LayerConfig& l : c.layer) l.kv_heads = l.kv_heads / divisor * times;
  c.heads = c.heads / divisor * times;
}

void shrink_layers(ModelConfig& c) {
  if (c.layers <= kMostLayers) return;
  std::vector<LayerConfig> chosen;
  for (int64_t i = 0; i < kMostLayers; ++i) {
    const int64_t l = i * (c.layers - 1) / (kMostLayers - 1);
    chosen.push_back(c.layer[static_cast<size_t>(l)]);
  }
  c.layer = std::move(chosen);
  c.layers = kMostLayers;
}

/// Arguments that nobody gave are settled again: some defaults count heads or layers.
void settle_again(ModelConfig& c, const Axes& axes) {
  for (WiringConfig& w : c.wiring) {
    std::map<std::string, Arg> given;
    for (const auto& [name, value] : w.args.values()) {
      if (w.args.given(name)) given[name] = value;
    }
    w = configure_wiring(c, w.name, given, axes.wirings);
  }
}

}  // namespace

ModelConfig shrink(const ModelConfig& config, const Axes& axes) {
  derive_layout(config, axes);  // what is refused as it stands is not to be hidden
  ModelConfig small = config;
  small.vocab = 13;
  small.dim = 12;
  small.head_dim = 4;
  small.ffn = 16;
  small.context = 16;
  shrink_windows(small);
  using Step = void (*)(ModelConfig&);
  const std::vector<std::vector<Step>> attempts = {
      {shrink_heads, shrink_layers}, {shrink_layers}, {}};
  for (const std::vector<Step>& steps : attempts) {
    ModelConfig attempt = small;
    try {
      for (const Step step : steps) step(attempt);
      settle_again(attempt, axes);
      derive_layout(attempt, axes);
      return attempt;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::config) throw;
    }
  }
  derive_layout(small, axes);
  return small;
}

}  // namespace weft::checks
