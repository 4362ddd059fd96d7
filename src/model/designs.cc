#include "model/designs.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/args.h"
#include "base/error.h"

namespace weft {
namespace {

// A quarter of the heads, rounded up to a divisor of them.
int64_t quarter(int64_t heads) {
  int64_t n = std::max<int64_t>(1, (heads + 3) / 4);
  while (heads % n != 0) ++n;
  return n;
}

int64_t one(int64_t) {
  return 1;
}

}  // namespace

std::span<const Design> designs() {
  static const std::vector<Design> all = {
      {"transformer", "plain", "2302.13971",
       "softmax attention with rotary positions, the plain stack"},
      {.name = "gqa",
       .family = "grouped heads",
       .source = "2305.13245",
       .summary = "up to four query heads share one key and value head",
       .kv_heads = quarter},
      {.name = "mqa",
       .family = "grouped heads",
       .source = "1911.02150",
       .summary = "all query heads share one key and value head",
       .kv_heads = one},
      {.name = "resformer",
       .family = "cross-layer wiring",
       .source = "2410.17897",
       .summary = "every later layer adds the first layer's values to its own",
       .wiring = {"value-residual"}},
      {.name = "svformer",
       .family = "cross-layer wiring",
       .source = "2410.17897",
       .summary = "all layers read the first layer's values",
       .wiring = {"shared-value"}},
      {.name = "sla",
       .family = "cross-layer wiring",
       .source = "2406.11274",
       .summary = "half of the heads read the keys and values of the layer before",
       .wiring = {"skip-kv"}},
      {.name = "skipv1",
       .family = "cross-layer wiring",
       .source = "2510.16807",
       .summary = "half of the heads read the first layer's values",
       .wiring = {"skipv1"}},
      {.name = "cla",
       .family = "cross-layer wiring",
       .source = "2405.12981",
       .summary = "neighbouring layers share keys and values",
       .wiring = {"cla"}},
      {.name = "yoco",
       .family = "cross-layer wiring",
       .source = "2405.05254",
       .summary = "the upper half reads the keys and values of the middle layer",
       .wiring = {"yoco"}},
      {.name = "denseformer",
       .family = "cross-layer wiring",
       .source = "2402.02622",
       .summary = "every block reads a learned sum of all outputs before it",
       .wiring = {"dense"}},
      {.name = "neutreno",
       .family = "cross-layer wiring",
       .source = "2312.00751",
       .summary = "adds the first layer's values minus its own after attention",
       .wiring = {"neutreno"}},
      {.name = "cross-layer",
       .family = "cross-layer wiring",
       .source = "2410.17897",
       .summary = "attends to the first layer's keys and values beside its own",
       .wiring = {"cross-layer"}},
      {.name = "stick-breaking",
       .family = "mechanism",
       .source = "2410.17980",
       .summary = "each key breaks a share off what nearer keys left; no positions",
       .mechanism = "stick-breaking",
       .position = "none"},
      {.name = "relu",
       .family = "mechanism",
       .source = "2104.07012",
       .summary = "positive scores are the weights; the output is normalised",
       .mechanism = "relu"},
      {.name = "sigmoid",
       .family = "mechanism",
       .source = "2409.04431",
       .summary = "every key has a weight of its own between 0 and 1",
       .mechanism = "sigmoid"},
      {.name = "linear",
       .family = "mechanism",
       .source = "2006.16236",
       .summary = "linear attention: a state of constant size instead of keys and values",
       .mechanism = "linear"},
      {.name = "alibi",
       .family = "position",
       .source = "2108.12409",
       .summary = "softmax attention whose scores fall linearly with the distance",
       .position = "alibi"},
      {.name = "nope",
       .family = "position",
       .source = "2305.19466",
       .summary = "softmax attention without positions",
       .position = "none"},
  };
  return all;
}

bool is_design(std::string_view name) {
  const auto all = designs();
  return std::any_of(all.begin(), all.end(), [&](const Design& d) { return d.name == name; });
}

std::vector<std::string> design_names() {
  std::vector<std::string> names;
  for (const Design& d : designs()) names.emplace_back(d.name);
  return names;
}

const Design& find_design(std::string_view name) {
  for (const Design& d : designs()) {
    if (d.name == name) return d;
  }
  fail(ErrorCode::config, {"model.design", "a known design", fmt::format("\"{}\"", name),
                           suggestion(name, design_names())});
}

}  // namespace weft
