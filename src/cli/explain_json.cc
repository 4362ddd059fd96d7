#include "cli/explain_json.h"

#include <nlohmann/json.hpp>

#include "io/json.h"
#include "model/formula.h"

namespace weft::cli {
namespace {

using nlohmann::json;

json parameters_json(const Explanation& e) {
  json j{{"total", e.parameters}};
  for (int g = 0; g < kParameterGroups; ++g) {
    j[name_of(static_cast<ParameterGroup>(g))] = e.by_group[static_cast<size_t>(g)];
  }
  return j;
}

json memory_json(const MemoryPlan& m) {
  const auto bytes = [](double n) { return static_cast<int64_t>(n); };
  return {{"peak_bytes", bytes(m.total())},      {"parameters", bytes(m.parameters)},
          {"gradients", bytes(m.gradients)},     {"optimizer", bytes(m.optimizer)},
          {"activations", bytes(m.activations)}, {"tables", bytes(m.tables)},
          {"products", bytes(m.products)},       {"batches", bytes(m.batches)},
          {"snapshot", bytes(m.snapshot)}};
}

json layers_json(const ModelConfig& config, const Explanation& e) {
  json layers = json::array();
  for (const LayerPlan& l : e.layers) {
    const LayerConfig& c = config.layer[static_cast<size_t>(l.layer)];
    layers.push_back({{"layer", l.layer},
                      {"mechanism", l.mechanism},
                      {"position", l.position},
                      {"window", l.window},
                      {"kv_heads", c.kv_heads},
                      {"k_slots", l.k_slots},
                      {"v_slots", l.v_slots}});
  }
  return layers;
}

json sizes_json(const ModelConfig& c) {
  return {{"vocab", c.vocab}, {"dim", c.dim},           {"layers", c.layers},
          {"heads", c.heads}, {"head_dim", c.head_dim}, {"attention_width", c.q_width()},
          {"ffn", c.ffn},     {"context", c.context}};
}

// Heads whose rows exist in k_proj and v_proj; q_proj and o_proj are always whole.
json projections_json(const Explanation& e) {
  json layers = json::array();
  for (const LayerPlan& l : e.layers) {
    layers.push_back({{"layer", l.layer}, {"k", l.k_heads}, {"v", l.v_heads}});
  }
  return layers;
}

json wiring_json(const ModelConfig& config, const Layout& layout) {
  json mixes = json::array();
  for (const ResolvedMix& m : layout.mixes) {
    json terms = json::array();
    for (const Term& t : m.terms) {
      terms.push_back({{"from", spelled(t.source)},
                       {"raw", t.source.raw},
                       {"coefficient", first_coefficient(layout, t)},
                       {"learned", t.gain >= 0}});
    }
    mixes.push_back({{"to", spelled(m.destination)},
                     {"heads", {m.heads.first, m.heads.last}},
                     {"alias", m.alias},
                     {"terms", terms},
                     {"formula", formula(config, layout, m)}});
  }
  return mixes;
}

}  // namespace

std::string explain_json(const ModelConfig& config, const Layout& layout, const Explanation& e,
                         const MemoryPlan& memory, DType cached) {
  json j;
  j["design"] = config.design;
  j["context"] = e.context;
  j["sizes"] = sizes_json(config);
  j["parameters"] = parameters_json(e);
  j["flops_per_token"] = e.training_flops;
  j["flops"] = {
      {"forward", e.forward_flops}, {"training", e.training_flops}, {"decode", e.decode_flops}};
  j["kv_cache"] = {{"bytes_per_token", e.cache_per_token},
                   {"fixed_bytes", e.cache_fixed},
                   {"dtype", name_of(cached)},
                   {"total", e.cache_total},
                   {"read_per_token", e.cache_read_per_token}};
  j["bandwidth"] = {{"weights", e.weights_read_per_token},
                    {"cache", e.cache_read_per_token},
                    {"total", e.weights_read_per_token + e.cache_read_per_token}};
  j["memory"] = memory_json(memory);
  j["layers"] = layers_json(config, e);
  j["projections"] = projections_json(e);
  j["wiring"] = wiring_json(config, layout);
  j["notes"] = e.notes;
  return io::to_json_text(j);
}

}  // namespace weft::cli
