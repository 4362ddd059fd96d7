#include "model/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "model/cache.h"
#include "model/parameters.h"

namespace weft {
namespace {

double as_double(int64_t n) {
  return static_cast<double>(n);
}

// Mean number of keys that a query of a window of `context` tokens sees, in the limit of long ones.
double mean_visible(const LayerConfig& layer, int64_t context) {
  const double t = as_double(context);
  const double w = layer.window == 0 ? t : std::min(t, as_double(layer.window));
  return w * (1 - w / (2 * t));
}

double visible_at(const LayerConfig& layer, int64_t context) {
  return as_double(layer.window == 0 ? context : std::min(context, layer.window));
}

// Parameters that a token is multiplied with: the output head also where it is the embedding table.
int64_t multiplying(const ModelConfig& config, const std::vector<ParameterSpec>& parameters) {
  int64_t n = config.tie_embeddings ? config.vocab * config.dim : 0;
  for (const ParameterSpec& p : parameters) {
    if (p.group != ParameterGroup::embedding) n += p.shape.numel() * p.uses;
  }
  return n;
}

int64_t weights_read(const ModelConfig& config, const std::vector<ParameterSpec>& parameters,
                     size_t element) {
  const auto matrix = static_cast<int64_t>(element), vector = std::max<int64_t>(4, matrix);
  int64_t bytes = config.dim * matrix;
  if (config.tie_embeddings) bytes += config.vocab * config.dim * matrix;
  for (const ParameterSpec& p : parameters) {
    if (p.group == ParameterGroup::embedding) continue;
    bytes += p.uses * p.shape.numel() * (Parameters::is_matrix(p) ? matrix : vector);
  }
  return bytes;
}

std::vector<int> slots_of(const std::vector<CacheRef>& refs) {
  std::set<int> slots;
  for (const CacheRef& ref : refs) {
    if (ref.slot >= 0) slots.insert(ref.slot);
  }
  return {slots.begin(), slots.end()};
}

bool reads_other_layers(const LayerConfig& layer, const Layout& layout, int l) {
  for (const Port port : {Port::k, Port::v}) {
    for (int h = 0; h < static_cast<int>(layer.kv_heads); ++h) {
      if (layout.resolve(port, l, h).layer != l) return true;
    }
  }
  return false;
}

// What the mechanisms of the layers mean for the wiring, and for those who train it.
// Given sizes may disagree: the model is a sound one, though rarely the one that was meant.
void add_width_note(const ModelConfig& c, std::vector<std::string>& notes) {
  if (c.q_width() == c.dim) return;
  notes.push_back(fmt::format("{} heads of {} are {} channels of attention in a model of dim {}",
                              c.heads, c.head_dim, c.q_width(), c.dim));
}

void add_mechanism_notes(const ModelConfig& config, const Layout& layout, const Axes& axes,
                         std::vector<std::string>& notes) {
  std::vector<int> unshared;
  std::set<std::string> dividing;
  for (size_t l = 0; l < config.layer.size(); ++l) {
    const LayerConfig& layer = config.layer[l];
    const MechanismInfo& info = axes.mechanisms.find(layer.mechanism);
    const Args args = info.settled(layer.mechanism_args);
    const int number = static_cast<int>(l);
    if (info.traits.recurrent && reads_other_layers(layer, layout, number)) {
      unshared.push_back(number);
    }
    if (info.settings && info.settings(args).divides_by_any) dividing.emplace(info.name);
  }
  if (!unshared.empty()) {
    notes.push_back(fmt::format(
        "layers {} keep a state of their own: what they share with other layers saves no cache",
        fmt::join(unshared, ", ")));
  }
  for (const std::string& name : dividing) {
    notes.push_back(name +
                    ": weights are divided by a sum of any sign, which may be near 0; "
                    "training may be unstable (normalise = false has no such sum)");
  }
}

}  // namespace

double training_flops(const ModelConfig& config, const Layout& layout,
                      const std::vector<ParameterSpec>& parameters, int64_t context,
                      const Axes& axes) {
  double flops = 6 * as_double(multiplying(config, parameters));
  for (size_t l = 0; l < config.layer.size(); ++l) {
    const LayerConfig& layer = config.layer[l];
    const double seen =
        keeps_state(layer, axes) ? as_double(config.head_dim) : mean_visible(layer, context);
    flops += 12 * as_double(layout.key_sets(l) * config.q_width()) * seen;
  }
  return flops;
}

Explanation explain(const ModelConfig& config, const Layout& layout, int64_t context,
                    size_t element, const Axes& axes) {
  const std::vector<ParameterSpec> parameters = parameter_list(config, layout, axes);
  Explanation e;
  e.context = context > 0 ? context : config.context;
  e.element = element;
  for (const ParameterSpec& p : parameters) {
    e.parameters += p.shape.numel();
    e.by_group[static_cast<size_t>(p.group)] += p.shape.numel();
  }
  e.training_flops = training_flops(config, layout, parameters, e.context, axes);
  e.forward_flops = e.training_flops / 3;
  e.decode_flops = 2 * as_double(multiplying(config, parameters));
  e.weights_read_per_token = weights_read(config, parameters, element);
  e.cache_per_token = layout.cache.bytes_per_token(config.head_dim, element);
  e.cache_fixed = layout.cache.fixed_bytes(element);
  e.cache_read_per_token = e.cache_fixed;
  e.cache_total = layout.cache.bytes(config.head_dim, element, e.context);
  for (size_t l = 0; l < config.layer.size(); ++l) {
    const LayerConfig& layer = config.layer[l];
    const bool state = keeps_state(layer, axes);
    e.decode_flops += 4 * as_double(layout.key_sets(l) * config.q_width()) *
                      (state ? as_double(config.head_dim) : visible_at(layer, e.context));
    // Shared or not, every layer reads its keys and values again.
    if (!state) {
      e.cache_read_per_token += 2 * layout.key_sets(l) * layer.kv_heads * config.head_dim *
                                static_cast<int64_t>(element) *
                                static_cast<int64_t>(visible_at(layer, e.context));
    }
    e.layers.push_back({static_cast<int>(l), layout.k_heads[l], layout.v_heads[l],
                        slots_of(layout.cache.k[l]), slots_of(layout.cache.v[l]), layer.window,
                        layer.mechanism, layer.position});
  }
  e.slots = layout.cache.slots;
  e.notes = layout.notes;
  add_width_note(config, e.notes);
  add_mechanism_notes(config, layout, axes, e.notes);
  return e;
}

}  // namespace weft
