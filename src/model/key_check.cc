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

}  // namespace

void check_keys(const ModelConfig& config, const Axes& axes, const HeadRules& rules,
                const std::vector<std::string>& names) {
  for (const auto& [tap, rule] : rules) {
    if (tap.port != Port::q && tap.port != Port::k) continue;
    for (const Term& term : rule.terms) {
      const LayerConfig& to = layer_of(config, tap.layer);
      const LayerConfig& from = layer_of(config, term.source.layer);
      for (const auto& property : {rotation, family}) {
        const std::string want = property(to, axes), have = property(from, axes);
        if (want == have) continue;
        fail(ErrorCode::config,
             {fmt::format("wiring {}, {}", names[static_cast<size_t>(rule.wiring)], describe(tap)),
              "a source with " + want, fmt::format("layer {} with {}", term.source.layer, have),
              "share values only, or give both layers the same position and mechanism"});
      }
    }
  }
}

}  // namespace weft
