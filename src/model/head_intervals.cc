#include "model/head_intervals.h"

#include <algorithm>

namespace weft {
namespace {

// Bounds of all mixes, counted in query heads.
std::set<int64_t> bounds(const ModelConfig& config, const std::vector<Wiring>& wirings) {
  std::set<int64_t> out = {0, config.heads};
  for (const Wiring& w : wirings) {
    for (const Mix& m : w.mixes) {
      const Tap& to = m.destination;
      if (to.port == Port::x || to.port == Port::y) continue;
      if (to.layer < 0 || to.layer >= static_cast<int>(config.layer.size())) continue;
      const bool query = to.port == Port::q || to.port == Port::o;
      const int64_t group = query ? 1 : layer_of(config, to.layer).group(config.heads);
      for (const int64_t bound : {m.heads.first * group, m.heads.last * group}) {
        if (bound > 0 && bound < config.heads) out.insert(bound);
      }
    }
  }
  return out;
}

}  // namespace

// Kv heads are cut at every bound that falls on or into one of them, then query heads at every cut
// kv head as well: so an interval of query heads lies within one interval of the kv heads they
// read.
HeadIntervals::HeadIntervals(const ModelConfig& config, const std::vector<Wiring>& wirings)
    : config_(config) {
  std::set<int64_t> query = bounds(config, wirings);
  for (const LayerConfig& layer : config.layer) {
    if (key_of_.contains(layer.kv_heads)) continue;
    const int64_t group = layer.group(config.heads);
    std::set<int> cuts;
    for (const int64_t bound : query) {
      cuts.insert(static_cast<int>(bound / group));
      cuts.insert(static_cast<int>((bound + group - 1) / group));
    }
    for (const int cut : cuts) query.insert(cut * group);
    key_of_[layer.kv_heads] = {cuts.begin(), cuts.end()};
  }
  for (const int64_t bound : query) query_.push_back(static_cast<int>(bound));
}

const std::vector<int>& HeadIntervals::edges(Port port, int layer) const {
  if (port == Port::x || port == Port::y) return whole_;
  if (port == Port::q || port == Port::o) return query_;
  return key_of_.at(layer_of(config_, layer).kv_heads);
}

int HeadIntervals::start(Port port, int layer, int head) const {
  const std::vector<int>& list = edges(port, layer);
  return *std::prev(std::upper_bound(list.begin(), list.end(), head));
}

int HeadIntervals::end(Port port, int layer, int first) const {
  const std::vector<int>& list = edges(port, layer);
  return *std::upper_bound(list.begin(), list.end(), first);
}

int HeadIntervals::source_head(const HeadTap& destination, const Tap& source) const {
  if (destination.port != Port::o || source.port != Port::v) return destination.head;
  const int64_t group = layer_of(config_, source.layer).group(config_.heads);
  return start(Port::v, source.layer, static_cast<int>(destination.head / group));
}

}  // namespace weft
