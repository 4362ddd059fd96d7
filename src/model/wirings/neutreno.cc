// NeuTRENO: what values lose by averaging is given back after it, per token:
// o[l] = o[l] + lambda * v[0] - lambda * v[l]. That is (A - lambda I) v[l] + lambda v[0], not
// attention over a blend of values.
#include "model/wirings/builtin.h"

namespace weft::wirings {
namespace {

Wiring make(const ModelConfig& config, const Args& args) {
  const double lambda = args.number("lambda");
  Wiring w{"neutreno"};
  for (int l = 1; l < static_cast<int>(config.layer.size()); ++l) {
    w.mixes.push_back(
        {{Port::o, l}, {{{Port::o, l}}, {{Port::v, 0}, lambda}, {{Port::v, l}, -lambda}}, {}});
  }
  return w;
}

std::vector<std::map<std::string, Arg>> neutral(const ModelConfig&) {
  return {{{"lambda", 0.0}}};
}

}  // namespace

WiringInfo neutreno() {
  static const ArgSpec args[] = {
      {"lambda", 0.4, "weight of the correction; 0: the plain stack", {}, -1e6, 1e6},
  };
  return {"neutreno", "2312.00751", "adds the first layer's values minus its own after attention",
          args,       make,         nullptr,
          neutral};
}

}  // namespace weft::wirings
