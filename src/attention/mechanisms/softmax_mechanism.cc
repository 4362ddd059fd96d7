#include "attention/mechanisms/softmax.h"

#ifdef WEFT_ISA
#include "attention/tile_kernels.h"

WEFT_TILES(Softmax)

#else
#include "attention/mechanisms/kernels.h"
#include "attention/mechanisms/registry.h"

namespace weft {
namespace {

const ArgSpec kArgs[] = {
    {.name = "sink",
     .fallback = std::string("none"),
     .help = "a slot beside the keys: score 0 and value 0 (off-by-one), a learned key and value 0 "
             "(key; it starts as off-by-one), or a learned key and value",
     .choices = {"none", "off-by-one", "key", "key-value"}},
};

std::vector<MechanismParameter> parameters(const Args& args, int64_t heads, int64_t head_dim) {
  const std::string& sink = args.text("sink");
  std::vector<MechanismParameter> list;
  if (sink == "key" || sink == "key-value") list.push_back({"sink_key", Shape{heads, head_dim}});
  if (sink == "key-value") list.push_back({"sink_value", Shape{heads, head_dim}});
  return list;
}

MechanismSettings settings(const Args& args) {
  const std::string& sink = args.text("sink");
  MechanismSettings s;
  s.normalised = sink == "none";
  s.leaves_rest = sink != "none";
  s.reads_output = true;
  if (sink != "none") s.sink = sink == "off-by-one" ? Sink::zero : Sink::key;
  if (sink == "key-value") s.remainder = Remainder::learned;
  return s;
}

}  // namespace

const MechanismInfo& softmax_mechanism() {
  static const MechanismInfo info = {
      .name = "softmax",
      .source = "arXiv 1706.03762",
      .formula = "w_ij = exp(s_ij) / sum_l exp(s_il)",
      .traits = {.ordered = false, .recurrent = false},
      .args = kArgs,
      .parameters = parameters,
      .settings = settings,
      .kernels = streaming_kernels<Softmax>(),
      .make = make_streaming,
  };
  return info;
}

}  // namespace weft

#endif
