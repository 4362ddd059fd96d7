// Depth averages (DenseFormer): the input of a block is a learned sum of what all blocks before it
// gave out, the embedding included. Sources are the blocks' own outputs, never earlier averages.
#include <algorithm>
#include <string>

#include "model/wirings/builtin.h"

namespace weft::wirings {
namespace {

// Input of layer i, or of the final norm: the outputs j <= i (j blocks deep) with i - j divisible
// by the dilation; 1 on the last at the start, which is the plain stack.
Mix average(int i, int dilation, Wiring& w) {
  Mix mix{{Port::x, i}, {}, {}};
  for (int j = i % dilation, row = 0; j <= i; j += dilation, ++row) {
    mix.terms.push_back({{Port::y, j - 1, true}, 1, static_cast<int>(w.gains.size())});
    w.gains.push_back({GainKind::scalar, "dense." + std::to_string(i), row, 0, j == i ? 1.0 : 0.0});
  }
  return mix;
}

Wiring make(const ModelConfig& config, const Args& args) {
  // Beyond the depth both say the same as one more than it.
  const int64_t layers = static_cast<int64_t>(config.layer.size());
  const int dilation = static_cast<int>(std::min(args.integer("dilation"), layers + 1));
  const int64_t period = args.integer("period");
  Wiring w{"dense"};
  for (int64_t i = period; i <= layers; i += period) {
    w.mixes.push_back(average(static_cast<int>(i), dilation, w));
  }
  return w;
}

std::vector<std::map<std::string, Arg>> neutral(const ModelConfig& config) {
  return {{{"period", static_cast<int64_t>(config.layer.size()) + 1}}};  // beyond the depth
}

}  // namespace

WiringInfo dense() {
  static const ArgSpec args[] = {
      {"dilation", int64_t{1}, "blocks between the sources of an average", {}, 1, 1e9},
      {"period", int64_t{1}, "blocks between averages", {}, 1, 1e9},
  };
  return {"dense", "2402.02622", "every block reads a learned sum of all outputs before it",
          args,    make,         nullptr,
          neutral};
}

}  // namespace weft::wirings
