// Cross-layer attention: groups of neighbouring layers share the keys and values of their first.
#include <numeric>

#include "base/error.h"
#include "model/wirings/builtin.h"

namespace weft::wirings {
namespace {

using Owners = std::vector<int64_t>;  // [layer]: whose keys and values it reads

// Groups of `share` layers; where the depth is no multiple of it, the smaller group is the first
// (spare = bottom) or the last one.
Owners grouped(int64_t layers, int64_t share, bool spare_at_bottom) {
  const int64_t spare = spare_at_bottom ? layers % share : 0;
  Owners owners;
  for (int64_t l = 0; l < layers; ++l) {
    owners.push_back(l < spare ? 0 : l - (l - spare) % share);
  }
  return owners;
}

void check(const Owners& owners, int64_t layers) {
  const auto refuse = [](std::string expected, std::string got) {
    fail(ErrorCode::config,
         {"model.wiring_args.cla.owners", std::move(expected), std::move(got), ""});
  };
  if (static_cast<int64_t>(owners.size()) != layers) {
    refuse("an owner for each of " + std::to_string(layers) + " layers",
           std::to_string(owners.size()));
  }
  for (int64_t l = 0; l < layers; ++l) {
    const int64_t owner = owners[static_cast<size_t>(l)];
    const std::string of_layer = " for layer " + std::to_string(l);
    if (owner < 0 || owner > l) {
      refuse("a layer from 0 to " + std::to_string(l) + of_layer, std::to_string(owner));
    }
    if (owners[static_cast<size_t>(owner)] != owner) {
      refuse("a layer that owns its keys and values" + of_layer,
             "layer " + std::to_string(owner) + ", which reads those of layer " +
                 std::to_string(owners[static_cast<size_t>(owner)]));
    }
  }
}

Wiring make(const ModelConfig& config, const Args& args) {
  const auto layers = static_cast<int64_t>(config.layer.size());
  Owners owners = args.list("owners");
  if (owners.empty()) {
    owners = grouped(layers, args.integer("share"), args.text("spare") == "bottom");
  }
  check(owners, layers);
  Wiring w{"cla"};
  const std::string& what = args.text("what");
  for (int l = 0; l < static_cast<int>(layers); ++l) {
    const int owner = static_cast<int>(owners[static_cast<size_t>(l)]);
    if (owner == l) continue;
    if (what != "v") w.mixes.push_back({{Port::k, l}, {{{Port::k, owner}}}, {}});
    if (what != "k") w.mixes.push_back({{Port::v, l}, {{{Port::v, owner}}}, {}});
  }
  if (args.flag("split_norm")) {
    w.split_norm.resize(static_cast<size_t>(layers));
    std::iota(w.split_norm.begin(), w.split_norm.end(), 0);
  }
  return w;
}

std::vector<std::map<std::string, Arg>> neutral(const ModelConfig& config) {
  Owners own(config.layer.size());
  std::iota(own.begin(), own.end(), 0);
  return {{{"share", int64_t{1}}}, {{"owners", own}}};
}

}  // namespace

WiringInfo cla() {
  static const ArgSpec args[] = {
      {"share", int64_t{2}, "layers of a group", {}, 1, 1e9},
      {"what", "kv", "what they share", {"kv", "k", "v"}},
      {"spare",
       "bottom",
       "where the smaller group stands when the depth is no multiple of share",
       {"bottom", "top"}},
      {"owners", std::vector<int64_t>{}, "instead of groups: for every layer the one it reads"},
      {"split_norm", false, "keys and values have a norm gain of their own"},
  };
  return {"cla",   "2405.12981", "neighbouring layers share keys and values", args, make,
          nullptr, neutral};
}

}  // namespace weft::wirings
