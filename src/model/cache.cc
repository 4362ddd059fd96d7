#include "model/cache.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "model/head_rules.h"

namespace weft {
namespace {

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

int64_t visible(int64_t window) {
  return window == 0 ? kUnlimited : window;
}

struct KeptHead {
  Port port;
  TapHead source;
  auto operator<=>(const KeptHead&) const = default;
};

// What a layer reads of a port: the heads of its own final tap, then those of further key sets.
std::vector<KeptHead> read_by(const ModelConfig& config, const Layout& layout, Port port, int l) {
  std::vector<int> taps = {l};
  const std::vector<int>& extra = layout.extra_kv[static_cast<size_t>(l)];
  taps.insert(taps.end(), extra.begin(), extra.end());
  std::vector<KeptHead> out;
  for (const int tap : taps) {
    for (int h = 0; h < static_cast<int>(layer_of(config, l).kv_heads); ++h) {
      out.push_back({port, layout.resolve(port, tap, h)});
    }
  }
  return out;
}

// The longest window of the readers of every head that is kept.
std::map<KeptHead, int64_t> kept_heads(const ModelConfig& config, const Axes& axes,
                                       const Layout& layout) {
  std::map<KeptHead, int64_t> kept;
  for (int l = 0; l < static_cast<int>(config.layer.size()); ++l) {
    const LayerConfig& layer = layer_of(config, l);
    if (keeps_state(layer, axes)) continue;
    for (const Port port : {Port::k, Port::v}) {
      for (const KeptHead& head : read_by(config, layout, port, l)) {
        int64_t& window = kept[head];
        window = std::max(window, visible(layer.window));
      }
    }
  }
  return kept;
}

std::vector<RecurrentState> recurrent_states(const ModelConfig& config, const Axes& axes) {
  std::vector<RecurrentState> states;
  for (int l = 0; l < static_cast<int>(config.layer.size()); ++l) {
    const LayerConfig& layer = layer_of(config, l);
    const MechanismInfo& info = axes.mechanisms.find(layer.mechanism);
    if (info.state == nullptr) continue;
    const Args args = info.settled(layer.mechanism_args);
    states.push_back({l, info.state(args, layer.kv_heads, config.head_dim, config.head_dim)});
  }
  return states;
}

}  // namespace

bool keeps_state(const LayerConfig& layer, const Axes& axes) {
  return axes.mechanisms.find(layer.mechanism).traits.recurrent;
}

CachePlan derive_cache(const ModelConfig& config, const Axes& axes, const Layout& layout) {
  const std::map<KeptHead, int64_t> kept = kept_heads(config, axes, layout);
  CachePlan plan;
  plan.states = recurrent_states(config, axes);
  std::map<std::tuple<int, Port, bool, int64_t>, int> slots;  // in order of evaluation
  for (const auto& [head, window] : kept) {
    slots[{head.source.layer, head.port, head.source.raw, window}] = 0;
  }
  for (auto& [key, index] : slots) {
    const auto& [layer, port, raw, window] = key;
    index = static_cast<int>(plan.slots.size());
    plan.slots.push_back({port, layer, raw, {}, window == kUnlimited ? 0 : window});
  }
  std::map<KeptHead, CacheRef> place;
  for (const auto& [head, window] : kept) {
    const int slot = slots.at({head.source.layer, head.port, head.source.raw, window});
    std::vector<int>& heads = plan.slots[static_cast<size_t>(slot)].heads;
    place[head] = {slot, static_cast<int>(heads.size())};
    heads.push_back(head.source.head);
  }
  for (const Port port : {Port::k, Port::v}) {
    auto& refs = port == Port::k ? plan.k : plan.v;
    for (int l = 0; l < static_cast<int>(config.layer.size()); ++l) {
      std::vector<CacheRef>& row = refs.emplace_back();
      const bool state = keeps_state(layer_of(config, l), axes);
      for (const KeptHead& head : read_by(config, layout, port, l)) {
        row.push_back(state ? CacheRef{} : place.at(head));
      }
    }
  }
  return plan;
}

int64_t CachePlan::bytes_per_token(int64_t head_dim, size_t element) const {
  int64_t heads = 0;
  for (const CacheSlot& slot : slots) heads += static_cast<int64_t>(slot.heads.size());
  return heads * head_dim * static_cast<int64_t>(element);
}

int64_t CachePlan::fixed_bytes(size_t element) const {
  int64_t numbers = 0;
  for (const RecurrentState& state : states) numbers += state.shape.numel();
  return numbers * (element == size_of(DType::f64) ? 8 : 4);
}

int64_t CachePlan::bytes(int64_t head_dim, size_t element, int64_t context) const {
  int64_t rows = 0;
  for (const CacheSlot& slot : slots) {
    rows += static_cast<int64_t>(slot.heads.size()) * std::min(context, visible(slot.window));
  }
  return rows * head_dim * static_cast<int64_t>(element) + fixed_bytes(element);
}

}  // namespace weft
