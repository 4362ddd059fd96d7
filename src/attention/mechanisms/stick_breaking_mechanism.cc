#include "attention/mechanisms/stick_breaking.h"

#ifdef WEFT_ISA
#include "attention/tile_kernels.h"

WEFT_TILES(StickBreaking)

#else
#include <cstdlib>

#include "attention/mechanisms/kernels.h"
#include "attention/mechanisms/registry.h"
#include "base/error.h"
#include "ops/head_norm/head_norm.h"

namespace weft {
namespace {

const ArgSpec kArgs[] = {
    {.name = "inclusive",
     .fallback = false,
     .help = "a query also sees the key at its own position"},
    {.name = "remainder",
     .fallback = std::string("none"),
     .help = "what the rest of the stick is spent on",
     .choices = {"none", "self-value", "learned"}},
    {.name = "head_norm",
     .fallback = std::string("none"),
     .help = "normalisation of each head's output before the output projection",
     .choices = {"none", "group"}},
    {.name = "early_exit",
     .fallback = std::string("exact"),
     .help = "exact, off, or the length of stick below which a tile stops"},
};

std::vector<MechanismParameter> parameters(const Args& args, int64_t heads, int64_t head_dim) {
  std::vector<MechanismParameter> list;
  if (args.text("remainder") == "learned") {
    list.push_back({"remainder", Shape{heads, head_dim}, 0});
  }
  if (args.text("head_norm") == "group") {
    constexpr auto kOutput = MechanismParameter::Reader::output;
    list.push_back({"norm.weight", Shape{heads * head_dim}, 1, kOutput});
    list.push_back({"norm.bias", Shape{heads * head_dim}, 0, kOutput});
  }
  return list;
}

std::unique_ptr<Op> output_op(const Args& args, int64_t heads, int64_t head_dim) {
  if (args.text("head_norm") != "group") return nullptr;
  return make_head_norm(heads, head_dim);
}

double exit_below(const std::string& text) {
  if (text == "exact") return 0;
  if (text == "off") return -1;
  char* end = nullptr;
  const double below = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0' || !(below > 0 && below < 1)) {
    fail(ErrorCode::config,
         {"stick-breaking: early_exit", "exact, off, or a number between 0 and 1", text, ""});
  }
  return below;
}

MechanismSettings settings(const Args& args) {
  MechanismSettings s;
  s.strict = !args.flag("inclusive");
  s.leaves_rest = true;
  const std::string& remainder = args.text("remainder");
  if (remainder == "self-value") s.remainder = Remainder::self_value;
  if (remainder == "learned") s.remainder = Remainder::learned;
  s.exit_below = exit_below(args.text("early_exit"));
  return s;
}

}  // namespace

const MechanismInfo& stick_breaking_mechanism() {
  static const MechanismInfo info = {
      .name = "stick-breaking",
      .source = "arXiv 2410.17980",
      .formula = "w_ij = sigmoid(s_ij) * prod over nearer l of (1 - sigmoid(s_il))",
      .traits = {.ordered = true, .recurrent = false},
      .args = kArgs,
      .parameters = parameters,
      .output_op = output_op,
      .settings = settings,
      .kernels = streaming_kernels<StickBreaking>(),
      .make = make_streaming,
  };
  return info;
}

}  // namespace weft

#endif
