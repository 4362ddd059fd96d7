#include "model/config_toml.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "io/utf8.h"
#include "model/config_check.h"
#include "model/designs.h"
#include "model/own_mix_toml.h"
#include "model/sizes.h"
#include "model/table_reader.h"

namespace weft {
namespace {

using Given = std::map<std::string, Arg>;

// A layer before its arguments are checked: what was given, so that an override can change one of
// them.
struct AxisDraft {
  Given given;
  std::string where;  // the arguments stand, for messages
};
struct Draft {
  LayerConfig layer;
  AxisDraft mechanism, position;
};

template <class Registry>
const auto& find(const TableReader& table, const char* key, const Registry& registry,
                 const std::string& name) {
  return *table.at(key, [&] { return &registry.find(name); });
}

template <class Registry>
void read_axis(TableReader& table, const char* key, std::string& name, AxisDraft& draft,
               const Registry& registry) {
  const std::string before = name, args = std::string(key) + "_args";
  table.read(key, name);
  find(table, key, registry, name);
  if (name != before) draft.given.clear();
  table.read(args, draft.given);
  if (draft.where.empty() || table.has(args)) draft.where = table.where(args);
}

void read_size(TableReader& table, const char* key, int64_t& size, SizeBounds bounds) {
  table.read(key, size, bounds.least, bounds.most);
}

void read_layer_keys(TableReader& table, Draft& draft, const Axes& axes) {
  read_axis(table, "mechanism", draft.layer.mechanism, draft.mechanism, axes.mechanisms);
  read_axis(table, "position", draft.layer.position, draft.position, axes.positions);
  read_size(table, "kv_heads", draft.layer.kv_heads, size_bounds::heads);
  read_size(table, "window", draft.layer.window, size_bounds::window);
}

void read_loop(TableReader& table, ModelConfig& c) {
  const io::Value* value = table.take("loop");
  if (value == nullptr) return;
  TableReader loop(*value, table.file(), "model.loop");
  c.loop.last = c.layers - 1;
  loop.read("first", c.loop.first, 0, c.layers - 1);
  loop.read("last", c.loop.last, c.loop.first, c.layers - 1);
  loop.read("repeats", c.loop.repeats, 1,
            1 + (size_bounds::layers.most - c.layers) / c.loop.length());
  loop.read("inject", c.loop.inject);
  loop.finish();
}

void read_overrides(TableReader& table, std::vector<Draft>& drafts, const Axes& axes) {
  const io::Value* entries = table.take("layer");
  if (entries == nullptr) return;
  const auto* list = entries->as<io::Value::Array>();
  if (list == nullptr)
    table.refuse("layer", "[[model.layer]] entries", std::string(entries->kind()));
  for (size_t i = 0; i < list->size(); ++i) {
    const io::Value& entry = (*list)[i];
    // Where there is no line to tell several entries by, their number does.
    const bool numbered = list->size() > 1 && (entry.line == 0 || table.file().empty());
    TableReader reader(entry, table.file(),
                       numbered ? fmt::format("model.layer[{}]", i) : "model.layer");
    std::vector<int64_t> layers;
    reader.read("layers", layers);
    for (const int64_t l : layers) {
      if (l < 0 || l >= static_cast<int64_t>(drafts.size())) {
        reader.refuse("layers", fmt::format("layers from 0 to {}", drafts.size() - 1),
                      std::to_string(l));
      }
      read_layer_keys(reader, drafts[static_cast<size_t>(l)], axes);
    }
    if (layers.empty()) {  // what else it says is read all the same: a wrong key may be the reason
      Draft nobody = drafts.front();
      read_layer_keys(reader, nobody, axes);
    }
    reader.finish();
    if (!reader.has("layers"))
      reader.refuse("layers", "the layers meant", "none", "layers = [0, 1]");
    if (layers.empty()) reader.refuse("layers", "the layers meant", "an empty list");
  }
}

LayerConfig settle(const Draft& draft, const Axes& axes) {
  LayerConfig layer = draft.layer;
  layer.mechanism_args = Args(draft.mechanism.where, axes.mechanisms.find(layer.mechanism).args,
                              draft.mechanism.given);
  layer.position_args =
      Args(draft.position.where, axes.positions.find(layer.position).args, draft.position.given);
  return layer;
}

// A list that a shell or a hand has written as one word says how lists are written.
void find_wiring(const TableReader& table, const std::string& name, const WiringRegistry& known) {
  if (name.find_first_of(", +") == std::string::npos) {
    find(table, "wiring", known, name);
    return;
  }
  std::string list;
  for (size_t at = 0; at < name.size();) {
    const size_t end = std::min(name.find_first_of(", +", at), name.size());
    if (end > at) list += (list.empty() ? "\"" : ", \"") + name.substr(at, end - at) + "\"";
    at = end + 1;
  }
  table.refuse("wiring", "a list of wirings", io::in_quotes(name), "wiring = [" + list + "]");
}

void read_wiring(TableReader& table, const Design& design, ModelConfig& c, const Axes& axes) {
  std::vector<std::string> names(design.wiring.begin(), design.wiring.end());
  table.read("wiring", names);
  table.read("composition", c.composition);
  std::map<std::string, Given> given;
  std::map<std::string, std::string> places;
  if (const io::Value* args = table.take("wiring_args")) {
    TableReader reader(*args, table.file(), "model.wiring_args");
    for (const std::string& name : names) {
      reader.read(name, given[name]);
      places[name] = reader.where(name);
    }
    reader.finish();
  }
  for (const std::string& name : names) {
    find_wiring(table, name, axes.wirings);
    c.wiring.push_back(configure_wiring(c, name, given[name], axes.wirings, places[name]));
  }
}

void write_layer(io::Value& table, const LayerConfig& layer) {
  table.at("kv_heads").data = layer.kv_heads;
  table.at("mechanism").data = layer.mechanism;
  table.at("position").data = layer.position;
  table.at("window").data = layer.window;
  if (!layer.mechanism_args.values().empty()) {
    table.at("mechanism_args") = args_table(layer.mechanism_args);
  }
  if (!layer.position_args.values().empty()) {
    table.at("position_args") = args_table(layer.position_args);
  }
}

// Blocks unlike the first, each kind once.
io::Value::Array overrides(const ModelConfig& c) {
  std::vector<std::pair<LayerConfig, std::vector<int64_t>>> kinds;
  int64_t blocks = 0;  // seen so far: a block's further executions repeat its settings
  for (size_t l = 0; l < c.layer.size(); ++l) {
    const int64_t block = c.block_of(static_cast<int64_t>(l));
    if (block < blocks) continue;
    ++blocks;
    if (c.layer[l] == c.layer.front()) continue;
    const auto kind = std::find_if(kinds.begin(), kinds.end(),
                                   [&](const auto& k) { return k.first == c.layer[l]; });
    if (kind == kinds.end()) {
      kinds.push_back({c.layer[l], {block}});
    } else {
      kind->second.push_back(block);
    }
  }
  io::Value::Array entries;
  for (const auto& [layer, list] : kinds) {
    io::Value& entry = entries.emplace_back();
    entry.at("layers") = arg_value(Arg(list));
    write_layer(entry, layer);
  }
  return entries;
}

}  // namespace

ModelConfig read_model(const io::Value& value, std::string_view file, const Axes& axes) {
  TableReader table(value, file, "model");
  ModelConfig c;
  table.read("design", c.design);
  const Design& design = *table.at("design", [&] { return &find_design(c.design); });
  read_sizes(table, c);
  read_loop(table, c);

  Draft draft;
  draft.layer.mechanism = design.mechanism;
  draft.layer.position = design.position;
  draft.layer.kv_heads = design.kv_heads == nullptr ? c.heads : design.kv_heads(c.heads);
  read_layer_keys(table, draft, axes);
  std::vector<Draft> drafts(static_cast<size_t>(c.layers), draft);
  read_overrides(table, drafts, axes);
  for (int64_t l = 0; l < c.depth(); ++l) {
    c.layer.push_back(settle(drafts[static_cast<size_t>(c.block_of(l))], axes));
  }
  ModelConfig unwired = c;
  check_config(unwired, axes);
  read_wiring(table, design, c, axes);
  if (const io::Value* mixes = table.take("mix")) c.mixes = read_mixes(*mixes, file);
  table.finish();
  check_config(c, axes);
  return c;
}

ModelConfig design_config(std::string_view design, const Axes& axes) {
  io::Value table;
  table.at("design").data = std::string(design);
  return read_model(table, "", axes);
}

io::Value write_model(const ModelConfig& c) {
  io::Value table;
  table.at("design").data = c.design;
  table.at("vocab").data = c.vocab;
  table.at("dim").data = c.dim;
  table.at("layers").data = c.layers;
  table.at("heads").data = c.heads;
  table.at("head_dim").data = c.head_dim;
  table.at("ffn").data = c.ffn;
  table.at("context").data = c.context;
  table.at("tie_embeddings").data = c.tie_embeddings;
  table.at("norm_eps").data = c.norm_eps;
  io::Value::Array names;
  for (const WiringConfig& w : c.wiring) names.push_back({w.name, 0});
  table.at("wiring").data = names;
  table.at("composition").data = c.composition;
  write_layer(table, c.layer.front());
  for (const WiringConfig& w : c.wiring) {
    if (w.args.values().empty()) continue;
    table.at("wiring_args").at(w.name) = args_table(w.args);
  }
  if (!(c.loop == LoopConfig())) {
    io::Value& loop = table.at("loop");
    loop.at("first").data = c.loop.first;
    loop.at("last").data = c.loop.last;
    loop.at("repeats").data = c.loop.repeats;
    loop.at("inject").data = c.loop.inject;
  }
  if (const io::Value::Array entries = overrides(c); !entries.empty()) {
    table.at("layer").data = entries;
  }
  if (!c.mixes.empty()) table.at("mix").data = write_mixes(c.mixes);
  return table;
}

}  // namespace weft
