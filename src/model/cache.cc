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

bool keeps_state(const LayerConfig& layer, const Axes& axes) {
  return axes.mechanisms.find(layer.mechanism).traits.recurrent;
}

struct KeptHead {
  Port port;
  TapHead source;
  auto operator<=>(const KeptHead&) const = default;
};

// The longest window of the readers of every head that is kept.
std::map<KeptHead, int64_t> kept_heads(const ModelConfig& config, const Axes& axes,
                                       const Layout& layout) {
  std::map<KeptHead, int64_t> kept;
  for (int l = 0; l < static_cast<int>(config.layer.size()); ++l) {
    const LayerConfig& layer = layer_of(config, l);
    if (keeps_state(layer, axes)) continue;
    for (const Port port : {Port::k, Port::v}) {
      for (int h = 0; h < static_cast<int>(layer.kv_heads); ++h) {
        int64_t& window = kept[{port, layout.resolve(port, l, h)}];
        window = std::max(window, visible(layer.window));
      }
    }
  }
  return kept;
}

}  // namespace

CachePlan derive_cache(const ModelConfig& config, const Axes& axes, const Layout& layout) {
  const std::map<KeptHead, int64_t> kept = kept_heads(config, axes, layout);
  CachePlan plan;
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
      const LayerConfig& layer = layer_of(config, l);
      std::vector<CacheRef>& row = refs.emplace_back(static_cast<size_t>(layer.kv_heads));
      if (keeps_state(layer, axes)) continue;
      for (int h = 0; h < static_cast<int>(layer.kv_heads); ++h) {
        row[static_cast<size_t>(h)] = place.at({port, layout.resolve(port, l, h)});
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

int64_t CachePlan::bytes(int64_t head_dim, size_t element, int64_t context) const {
  int64_t rows = 0;
  for (const CacheSlot& slot : slots) {
    rows += static_cast<int64_t>(slot.heads.size()) * std::min(context, visible(slot.window));
  }
  return rows * head_dim * static_cast<int64_t>(element);
}

}  // namespace weft
