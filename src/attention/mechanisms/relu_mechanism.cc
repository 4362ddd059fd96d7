#include "attention/mechanisms/relu.h"

#ifdef WEFT_ISA
#include "attention/tile_kernels.h"

WEFT_TILES(Relu)

#else
#include "attention/mechanisms/kernels.h"
#include "attention/mechanisms/registry.h"
#include "ops/gated_norm/gated_norm.h"

namespace weft {
namespace {

const ArgSpec kArgs[] = {
    {.name = "norm",
     .fallback = std::string("gated"),
     .help = "gated RMS normalisation of all heads' output before the output projection, or none",
     .choices = {"gated", "none"}},
};

std::vector<MechanismParameter> parameters(const Args& args, int64_t heads, int64_t head_dim) {
  if (args.text("norm") != "gated") return {};
  constexpr auto kOutput = MechanismParameter::Reader::output;
  const Shape width{heads * head_dim};
  return {{"scale", width, 1, kOutput}, {"gate", width, 0, kOutput}};
}

std::unique_ptr<Op> output_op(const Args& args, int64_t heads, int64_t head_dim) {
  if (args.text("norm") != "gated") return nullptr;
  return make_gated_norm(heads * head_dim);
}

}  // namespace

const MechanismInfo& relu_mechanism() {
  static const MechanismInfo info = {
      .name = "relu",
      .source = "arXiv 2104.07012",
      .formula = "w_ij = max(0, s_ij)",
      .traits = {.ordered = false, .recurrent = false},
      .args = kArgs,
      .parameters = parameters,
      .output_op = output_op,
      .settings = [](const Args&) { return MechanismSettings{}; },
      .kernels = streaming_kernels<Relu>(),
      .make = make_streaming,
  };
  return info;
}

}  // namespace weft

#endif
