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
       .summary = "four query heads share one key and value head",
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
      {.name = "stick-breaking",
       .family = "mechanism",
       .source = "2410.17980",
       .summary = "each key breaks a share off what nearer keys left; no positions",
       .mechanism = "stick-breaking",
       .position = "none"},
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

const Design& find_design(std::string_view name) {
  std::vector<std::string> names;
  for (const Design& d : designs()) {
    if (d.name == name) return d;
    names.emplace_back(d.name);
  }
  fail(ErrorCode::config,
       {"model.design", "a known design", fmt::format("\"{}\"", name), suggestion(name, names)});
}

}  // namespace weft
