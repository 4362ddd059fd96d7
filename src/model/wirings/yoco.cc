// You only cache once: the upper layers read the keys and values of one layer in the middle.
#include <algorithm>
#include <cmath>

#include "model/wirings/builtin.h"

namespace weft::wirings {
namespace {

Wiring make(const ModelConfig& config, const Args& args) {
  const auto layers = static_cast<int>(config.layer.size());
  // Whole layers; 1e-9 so that 0.6 of 5 layers is 3.
  const int middle = static_cast<int>(std::floor(args.number("fraction") * layers + 1e-9));
  const int owner = args.text("owner") == "M" ? middle : std::max(0, middle - 1);
  Wiring w{"yoco"};
  for (int l = owner + 1; l < layers; ++l) {
    if (!args.flag("values_only")) w.mixes.push_back({{Port::k, l}, {{{Port::k, owner}}}, {}});
    w.mixes.push_back({{Port::v, l}, {{{Port::v, owner}}}, {}});
  }
  if (args.flag("split_norm") && owner < layers) w.split_norm = {owner};
  return w;
}

std::vector<std::map<std::string, Arg>> neutral(const ModelConfig&) {
  return {{{"fraction", 1.0}}};
}

}  // namespace

WiringInfo yoco() {
  static const ArgSpec args[] = {
      {"fraction", 0.5, "share of the layers that lies below: M = fraction * layers", {}, 0, 1},
      {"owner", "M", "the layer whose keys and values all above it read", {"M", "M-1"}},
      {"values_only", false, "keep the layers' own keys"},
      {"split_norm", false, "the owner's keys and values have a norm gain of their own"},
  };
  return {"yoco", "2405.05254", "the upper half reads the keys and values of the middle layer",
          args,   make,         nullptr,
          neutral};
}

}  // namespace weft::wirings
