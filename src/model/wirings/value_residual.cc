// Value residual (ResFormer): v[l] = a * v[0] + b * v[l] for layers after the first.
#include <numeric>

#include "base/error.h"
#include "model/wirings/builtin.h"

namespace weft::wirings {
namespace {

constexpr std::string_view kName = "value-residual";

int64_t layers_of(const ModelConfig& config) {
  return static_cast<int64_t>(config.layer.size());
}

// Constant: every layer after the first. Sparse: the last third, rounded up.
std::vector<int64_t> default_layers(const std::string& variant, int64_t layers) {
  const int64_t first = variant == "sparse" ? layers - (layers + 2) / 3 : 1;
  std::vector<int64_t> list(
      static_cast<size_t>(std::max<int64_t>(0, layers - std::max<int64_t>(first, 1))));
  std::iota(list.begin(), list.end(), std::max<int64_t>(first, 1));
  return list;
}

std::map<std::string, Arg> settle(const ModelConfig& config, const Args& args) {
  const std::string& variant = args.text("variant");
  if (variant == "sparse")
    return {{"lambda", 5.0}, {"layers", default_layers(variant, layers_of(config))}};
  if (variant == "constant") return {{"layers", default_layers(variant, layers_of(config))}};
  return {};
}

std::vector<int64_t> chosen_layers(const ModelConfig& config, const Args& args) {
  const int64_t layers = layers_of(config);
  for (const int64_t l : args.list("layers")) {
    if (l >= 1 && l < layers) continue;
    fail(ErrorCode::config, {"model.wiring_args.value-residual.layers",
                             "layers from 1 to " + std::to_string(layers - 1), std::to_string(l),
                             "layer 0 is the source"});
  }
  return args.list("layers");
}

Mix blend(int64_t layer, Term first, Term own) {
  const int l = static_cast<int>(layer);
  first.source = {Port::v, 0};
  own.source = {Port::v, l};
  return {{Port::v, l}, {first, own}, {}};
}

Wiring learnable(int64_t layers) {
  Wiring w{std::string(kName), {}, {}};
  for (int l = 1; l < layers; ++l) {
    const int gain = static_cast<int>(w.gains.size());
    w.gains.push_back({GainKind::scalar, "value-residual.gains", l - 1, 0, 0.5});
    w.gains.push_back({GainKind::scalar, "value-residual.gains", l - 1, 1, 0.5});
    w.mixes.push_back(blend(l, {{}, 1, gain}, {{}, 1, gain + 1}));
  }
  return w;
}

Wiring make(const ModelConfig& config, const Args& args) {
  const std::string& variant = args.text("variant");
  Wiring w{std::string(kName), {}, {}};
  if (variant == "constant" || variant == "sparse") {
    for (const int64_t l : chosen_layers(config, args)) {
      w.mixes.push_back(blend(l, {{}, args.number("lambda")}, {{}, 1}));
    }
    return w;
  }
  if (!args.list("layers").empty()) {
    fail(ErrorCode::config,
         {"model.wiring_args.value-residual.layers", "no list with variant " + variant,
          to_string(args.list("layers")), "it belongs to the variants constant and sparse"});
  }
  if (variant == "learnable") return learnable(layers_of(config));
  for (int64_t l = 1; l < layers_of(config); ++l) {
    w.mixes.push_back(blend(l, {{}, 0.5}, {{}, 0.5}));
  }
  return w;
}

}  // namespace

WiringInfo value_residual() {
  static const ArgSpec args[] = {
      {"variant",
       "identity",
       "identity: 1/2, 1/2; constant and sparse: lambda, 1; learnable: two gains a layer",
       {"identity", "constant", "sparse", "learnable"}},
      {"lambda", 2.0, "weight of the first value (constant: 2, sparse: 5)", {}, -1e6, 1e6},
      {"layers", std::vector<int64_t>{},
       "layers that mix (constant: all but 0, sparse: the last third)"},
  };
  return {kName, "2410.17897", "every later layer adds the first layer's values to its own",
          args,  make,         settle};
}

}  // namespace weft::wirings
