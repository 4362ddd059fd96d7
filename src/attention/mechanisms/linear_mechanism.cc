#ifdef WEFT_ISA
#ifndef WEFT_ISA_avx512bf16  // all products are of floats
#include "attention/linear/chunk_kernels.h"
#endif

#else
#include "attention/linear/chunked.h"
#include "attention/linear/recurrence.h"
#include "attention/mechanisms/registry.h"
#include "base/error.h"

namespace weft {
namespace {

const ArgSpec kArgs[] = {
    {.name = "feature",
     .fallback = std::string("elu1"),
     .help = "phi of queries and keys: elu(x) + 1, relu(x), or x",
     .choices = {"elu1", "relu", "identity"}},
    {.name = "normalise",
     .fallback = true,
     .help = "divide a row by the sum of phi(q).phi(k) over the keys it sees; for identity, whose "
             "sum may have any sign, false is the usual choice (2310.01082)"},
    {.name = "momentum",
     .fallback = 0.0,
     .help = "mu of the state's momentum (arXiv 2208.00579); 0: none",
     .least = 0,
     .most = 1},
};

Recurrence recurrence(const Args& args) {
  const std::string& name = args.text("feature");
  const Feature feature = name == "relu"       ? Feature::relu
                          : name == "identity" ? Feature::identity
                                               : Feature::elu1;
  const double momentum = args.number("momentum");
  if (momentum == 1) {
    fail(ErrorCode::config, {"linear: momentum", "a number from 0 to below 1", "1", ""});
  }
  return {feature, args.flag("normalise"), momentum};
}

MechanismSettings settings(const Args& args) {
  const Recurrence r = recurrence(args);
  MechanismSettings s;
  s.normalised = r.normalise && r.momentum == 0;
  s.divides_by_any = r.normalise && r.feature == Feature::identity;
  s.numbers[0] = static_cast<double>(r.feature);
  s.numbers[1] = r.normalise ? 1 : 0;
  s.numbers[2] = r.momentum;
  return s;
}

Shape state(const Args& args, int64_t kv_heads, int64_t head_dim, int64_t value_dim) {
  return {kv_heads, head_dim, recurrence(args).columns(value_dim)};
}

}  // namespace

const MechanismInfo& linear_mechanism() {
  static const MechanismInfo info = {
      .name = "linear",
      .source = "arXiv 2006.16236",
      .formula = "w_ij = c_(i-j) phi(q_i).phi(k_j) / sum_l phi(q_i).phi(k_l), c_n = 1 + .. + mu^n",
      .traits = {.ordered = false, .recurrent = true},
      .args = kArgs,
      .parameters = [](const Args&, int64_t, int64_t) { return std::vector<MechanismParameter>{}; },
      .state = state,
      .settings = settings,
      .kernels = chunked_kernels(),
      .make = make_streaming,
  };
  return info;
}

}  // namespace weft

#endif
