// SkipV1Former: the last fraction of the kv heads reads the first layer's values; keys are
// untouched.
#include <cmath>

#include "base/error.h"
#include "model/wirings/builtin.h"

namespace weft::wirings {
namespace {

int heads_of(const ModelConfig& config, int layer, double fraction) {
  const int64_t all = config.layer[static_cast<size_t>(layer)].kv_heads;
  const double heads = static_cast<double>(all) * fraction;
  if (std::abs(heads - std::round(heads)) > 1e-9) {
    fail(ErrorCode::config,
         {"model.wiring_args.skipv1.fraction",
          "a whole number of the " + std::to_string(all) + " kv heads of layer " +
              std::to_string(layer),
          to_string(fraction) + " of them", "choose i / " + std::to_string(all)});
  }
  return static_cast<int>(std::lround(heads));
}

Wiring make(const ModelConfig& config, const Args& args) {
  Wiring w{"skipv1", {}, {}};
  for (int l = 1; l < static_cast<int>(config.layer.size()); ++l) {
    const int all = static_cast<int>(config.layer[static_cast<size_t>(l)].kv_heads);
    const int skipping = heads_of(config, l, args.number("fraction"));
    if (skipping > 0) w.mixes.push_back({{Port::v, l}, {{{Port::v, 0}}}, {all - skipping, all}});
  }
  return w;
}

std::vector<std::map<std::string, Arg>> neutral(const ModelConfig&) {
  return {{{"fraction", 0.0}}};
}

}  // namespace

WiringInfo skipv1() {
  static const ArgSpec args[] = {
      {"fraction", 0.5, "share of the kv heads that read the first layer's values", {}, 0, 1},
  };
  return {"skipv1", "2510.16807", "half of the heads read the first layer's values", args, make,
          nullptr,  neutral};
}

}  // namespace weft::wirings
