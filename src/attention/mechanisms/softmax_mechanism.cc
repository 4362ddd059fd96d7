#include "attention/mechanisms/softmax.h"

#ifdef WEFT_ISA
#include "attention/tile_kernels.h"

WEFT_TILES(Softmax)

#else
#include "attention/mechanisms/kernels.h"
#include "attention/mechanisms/registry.h"

namespace weft {

const MechanismInfo& softmax_mechanism() {
  static const MechanismInfo info = {
      .name = "softmax",
      .source = "arXiv 1706.03762",
      .formula = "w_ij = exp(s_ij) / sum_l exp(s_il)",
      .traits = {.ordered = false, .recurrent = false},
      .args = {},
      .parameters = [](const Args&, int64_t, int64_t) { return std::vector<MechanismParameter>{}; },
      .settings =
          [](const Args&) { return MechanismSettings{.normalised = true, .reads_output = true}; },
      .kernels = streaming_kernels<Softmax>(),
      .make = make_streaming,
  };
  return info;
}

}  // namespace weft

#endif
