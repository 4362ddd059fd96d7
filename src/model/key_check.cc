#include "model/key_check.h"

#include <fmt/format.h>

#include "base/error.h"

namespace weft {
namespace {

std::string rotation(const LayerConfig& layer, const Axes& axes) {
  if (!axes.positions.find(layer.position).rotates) return "no rotation";
  std::string s = layer.position;
  for (const auto& [name, value] : layer.position_args.values()) {
    s += fmt::format(" {}={}", name, to_string(value));
  }
  return s;
}

std::string family(const LayerConfig& layer, const Axes& axes) {
  return axes.mechanisms.find(layer.mechanism).traits.recurrent ? "a recurrent mechanism"
                                                                : "a mechanism that weighs keys";
}

// Throws where keys of layer `from` do not mean in layer `to` what its own do.
void check_pair(const ModelConfig& config, const Axes& axes, const std::string& where, int to,
                int from) {
  for (const auto& property : {rotation, family}) {
    const std::string want = property(layer_of(config, to), axes);
    const std::string have = property(layer_of(config, from), axes);
    if (want == have) continue;
    fail(ErrorCode::config,
         {where, "a source with " + want, fmt::format("layer {} with {}", from, have),
          "share values only, or give both layers the same position and mechanism"});
  }
}

}  // namespace

void check_keys(const ModelConfig& config, const Axes& axes, const HeadRules& rules,
                const std::vector<std::string>& names) {
  for (const auto& [tap, rule] : rules) {
    if (tap.port != Port::q && tap.port != Port::k) continue;
    const std::string where =
        fmt::format("wiring {}, {}", names[static_cast<size_t>(rule.wiring)], describe(tap));
    for (const Term& term : rule.terms) {
      check_pair(config, axes, where, tap.layer, term.source.layer);
    }
  }
}

void check_extra_keys(const ModelConfig& config, const Axes& axes, const Layout& layout) {
  for (int l = 0; l < static_cast<int>(config.layer.size()); ++l) {
    const std::vector<int>& sources = layout.extra_kv[static_cast<size_t>(l)];
    if (sources.empty()) continue;
    const std::string where = fmt::format("keys of other layers, layer {}, k and v", l);
    const std::string& mechanism = layer_of(config, l).mechanism;
    const MechanismTraits& traits = axes.mechanisms.find(mechanism).traits;
    if (traits.ordered || traits.recurrent) {
      fail(ErrorCode::config,
           {where, "a mechanism that weighs keys whatever their order", mechanism,
            traits.recurrent ? "a state has no place for a second set of keys"
                             : "two keys would stand at one place in the order"});
    }
    for (const int from : sources) check_pair(config, axes, where, l, from);
  }
}

}  // namespace weft
