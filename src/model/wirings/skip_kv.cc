// Skip-layer keys and values (SLA): the last heads of layer l read the keys and values of layer l -
// distance.
#include <algorithm>

#include "base/error.h"
#include "model/wirings/builtin.h"

namespace weft::wirings {
namespace {

// Half of the kv heads, rounded down but at least one, counted in query heads.
std::map<std::string, Arg> settle(const ModelConfig& config, const Args&) {
  int64_t kv_heads = config.heads;
  for (const LayerConfig& layer : config.layer) kv_heads = std::min(kv_heads, layer.kv_heads);
  return {{"heads", std::max<int64_t>(1, kv_heads / 2) * (config.heads / kv_heads)}};
}

void check(const ModelConfig& config, const Args& args) {
  const int64_t distance = args.integer("distance"), heads = args.integer("heads");
  const int64_t most = std::max<int64_t>(2, static_cast<int64_t>(config.layer.size())) - 1;
  if (distance > most) {
    fail(ErrorCode::config,
         {"model.wiring_args.skip-kv.distance", "at most " + std::to_string(most) + " (layers - 1)",
          std::to_string(distance), ""});
  }
  if (heads > config.heads) {
    fail(ErrorCode::config,
         {"model.wiring_args.skip-kv.heads",
          "at most model.heads = " + std::to_string(config.heads), std::to_string(heads), ""});
  }
}

// Query heads to kv heads of a layer.
int kv_heads_of(const ModelConfig& config, int layer, int64_t heads) {
  const int64_t group = config.layer[static_cast<size_t>(layer)].group(config.heads);
  if (heads % group != 0) {
    fail(ErrorCode::config,
         {"model.wiring_args.skip-kv.heads",
          "a multiple of " + std::to_string(group) + " (query heads per kv head in layer " +
              std::to_string(layer) + ")",
          std::to_string(heads), ""});
  }
  return static_cast<int>(heads / group);
}

// The layers whose heads skip: those listed, or all that have a layer so far below.
std::vector<int> readers(const ModelConfig& config, const Args& args) {
  const int64_t distance = args.integer("distance");
  const auto layers = static_cast<int64_t>(config.layer.size());
  std::vector<int> list;
  for (const int64_t l : args.list("layers")) {
    if (l < distance || l >= layers) {
      fail(ErrorCode::config, {"model.wiring_args.skip-kv.layers",
                               "layers from distance = " + std::to_string(distance) + " to " +
                                   std::to_string(layers - 1),
                               std::to_string(l), ""});
    }
    list.push_back(static_cast<int>(l));
  }
  for (int64_t l = distance; args.list("layers").empty() && l < layers; ++l) {
    list.push_back(static_cast<int>(l));
  }
  return list;
}

Wiring make(const ModelConfig& config, const Args& args) {
  check(config, args);
  const int distance = static_cast<int>(args.integer("distance"));
  const bool raw = args.text("source") == "raw";
  Wiring w{"skip-kv"};
  if (distance == 0 || args.integer("heads") == 0) return w;
  for (const int l : readers(config, args)) {
    const int all = static_cast<int>(config.layer[static_cast<size_t>(l)].kv_heads);
    const Heads last{all - kv_heads_of(config, l, args.integer("heads")), all};
    if (!args.flag("values_only")) {
      w.mixes.push_back({{Port::k, l}, {{{Port::k, l - distance, raw}}}, last});
    }
    w.mixes.push_back({{Port::v, l}, {{{Port::v, l - distance, raw}}}, last});
  }
  return w;
}

std::vector<std::map<std::string, Arg>> neutral(const ModelConfig&) {
  return {{{"distance", int64_t{0}}}, {{"heads", int64_t{0}}}};
}

}  // namespace

WiringInfo skip_kv() {
  static const ArgSpec args[] = {
      {"distance", int64_t{1}, "layers to skip back; 0: the plain stack", {}, 0},
      {"heads", int64_t{0}, "query heads that do so, the last ones (default: half)", {}, 0},
      {"values_only", false, "keep the layer's own keys"},
      {"source",
       "raw",
       "raw: what that layer projects; final: what it reads itself",
       {"raw", "final"}},
      {"layers", std::vector<int64_t>{}, "layers that do so (default: all that can)"},
  };
  return {"skip-kv", "2406.11274", "some heads read the keys and values of an earlier layer",
          args,      make,         settle,
          neutral};
}

}  // namespace weft::wirings
