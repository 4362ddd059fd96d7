#include "attention/mechanisms/sigmoid.h"

#ifdef WEFT_ISA
#include "attention/tile_kernels.h"

WEFT_TILES(Sigmoid)

#else
#include "attention/mechanisms/kernels.h"
#include "attention/mechanisms/registry.h"

namespace weft {
namespace {

const ArgSpec kArgs[] = {
    {.name = "normalise", .fallback = false, .help = "divide the weights of a row by their sum"},
    {.name = "bias",
     .fallback = 0.0,
     .help = "added to every score; without normalisation -log(context) is usual",
     .least = -1e4,
     .most = 1e4},
};

MechanismSettings settings(const Args& args) {
  MechanismSettings s;
  s.normalised = s.reads_output = args.flag("normalise");
  s.numbers[0] = args.number("bias");
  return s;
}

}  // namespace

const MechanismInfo& sigmoid_mechanism() {
  static const MechanismInfo info = {
      .name = "sigmoid",
      .source = "arXiv 2409.04431",
      .formula = "w_ij = sigmoid(s_ij + bias)",
      .traits = {.ordered = false, .recurrent = false},
      .args = kArgs,
      .parameters = [](const Args&, int64_t, int64_t) { return std::vector<MechanismParameter>{}; },
      .settings = settings,
      .kernels = streaming_kernels<Sigmoid>(),
      .make = make_streaming,
  };
  return info;
}

}  // namespace weft

#endif
