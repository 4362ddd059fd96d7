// Shared value (SVFormer): v[l] = v[0]; an anchor layer keeps its own value, which the layers after
// it share.
#include <algorithm>

#include "base/error.h"
#include "model/wirings/builtin.h"

namespace weft::wirings {
namespace {

Wiring make(const ModelConfig& config, const Args& args) {
  const int layers = static_cast<int>(config.layer.size());
  const std::vector<int64_t>& anchors = args.list("anchors");
  for (const int64_t a : anchors) {
    if (a >= 1 && a < layers) continue;
    fail(ErrorCode::config, {"model.wiring_args.shared-value.anchors",
                             "layers from 1 to " + std::to_string(layers - 1), std::to_string(a),
                             "layer 0 always keeps its value"});
  }
  Wiring w{"shared-value", {}, {}};
  for (int l = 1, owner = 0; l < layers; ++l) {
    if (std::find(anchors.begin(), anchors.end(), l) != anchors.end()) {
      owner = l;
    } else {
      w.mixes.push_back({{Port::v, l}, {{{Port::v, owner}}}, {}});
    }
  }
  return w;
}

std::vector<std::map<std::string, Arg>> neutral(const ModelConfig& config) {
  std::vector<int64_t> all;
  for (int64_t l = 1; l < static_cast<int64_t>(config.layer.size()); ++l) all.push_back(l);
  return {{{"anchors", all}}};
}

}  // namespace

WiringInfo shared_value() {
  static const ArgSpec args[] = {
      {"anchors", std::vector<int64_t>{},
       "further layers that compute a value, shared from there on"},
  };
  return {"shared-value", "2410.17897", "all layers read the first layer's values", args, make,
          nullptr,        neutral};
}

}  // namespace weft::wirings
