// True cross-layer attention: one softmax over a layer's own keys and those of an earlier layer.
// Costs the scores of a second set; no parameters, no cache beyond what the source keeps.
#include <charconv>

#include "base/error.h"
#include "model/wirings/builtin.h"

namespace weft::wirings {
namespace {

// The layer in "3".
int layer_number(const std::string& text, int layers) {
  int layer = -1;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, layer);
  if (error == std::errc() && rest == end && layer >= 0 && layer < layers) return layer;
  fail(ErrorCode::config,
       {"model.wiring_args.cross-layer.source",
        "first, previous, or a layer from 0 to " + std::to_string(layers - 1), text, ""});
}

Wiring make(const ModelConfig& config, const Args& args) {
  const auto layers = static_cast<int>(config.layer.size());
  const std::string& source = args.text("source");
  const bool previous = source == "previous";
  const int fixed = previous || source == "first" ? 0 : layer_number(source, layers);
  Wiring w{"cross-layer"};
  for (int l = fixed + 1; l < layers; ++l) w.extra_kv.push_back({l, previous ? l - 1 : fixed});
  return w;
}

std::vector<std::map<std::string, Arg>> neutral(const ModelConfig& config) {
  return {{{"source", std::to_string(config.layer.size() - 1)}}};  // which nobody follows
}

}  // namespace

WiringInfo cross_layer() {
  static const ArgSpec args[] = {
      {"source", "first", "whose keys and values are appended: first, previous, or a layer"},
  };
  return {"cross-layer", "2410.17897", "attends to another layer's keys and values beside its own",
          args,          make,         nullptr,
          neutral};
}

}  // namespace weft::wirings
