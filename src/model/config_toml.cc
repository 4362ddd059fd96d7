#include "model/config_toml.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "model/config_check.h"
#include "model/designs.h"
#include "model/own_mix_toml.h"
#include "model/table_reader.h"

namespace weft {
namespace {

using Given = std::map<std::string, Arg>;

// A layer before its arguments are checked: what was given, so that an override can change one of
// them.
struct Draft {
  LayerConfig layer;
  Given mechanism, position;
};

void read_axis(TableReader& table, const char* key, std::string& name, Given& given) {
  const std::string before = name;
  table.read(key, name);
  if (name != before) given.clear();
  table.read(std::string(key) + "_args", given);
}

void read_size(TableReader& table, const char* key, int64_t& size, SizeBounds bounds) {
  table.read(key, size, bounds.least, bounds.most);
}

void read_layer_keys(TableReader& table, Draft& draft) {
  read_axis(table, "mechanism", draft.layer.mechanism, draft.mechanism);
  read_axis(table, "position", draft.layer.position, draft.position);
  read_size(table, "kv_heads", draft.layer.kv_heads, size_bounds::heads);
  read_size(table, "window", draft.layer.window, size_bounds::window);
}

void read_sizes(TableReader& table, ModelConfig& c) {
  read_size(table, "vocab", c.vocab, size_bounds::vocab);
  read_size(table, "dim", c.dim, size_bounds::dim);
  read_size(table, "layers", c.layers, size_bounds::layers);
  read_size(table, "heads", c.heads, size_bounds::heads);
  read_size(table, "head_dim", c.head_dim, size_bounds::head_dim);
  read_size(table, "ffn", c.ffn, size_bounds::ffn);
  read_size(table, "context", c.context, size_bounds::context);
  table.read("tie_embeddings", c.tie_embeddings);
  table.read("norm_eps", c.norm_eps, std::numeric_limits<double>::min(), 1);
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

void read_overrides(TableReader& table, std::vector<Draft>& drafts) {
  const io::Value* entries = table.take("layer");
  if (entries == nullptr) return;
  const auto* list = entries->as<io::Value::Array>();
  if (list == nullptr)
    table.refuse("layer", "[[model.layer]] entries", std::string(entries->kind()));
  for (const io::Value& entry : *list) {
    TableReader reader(entry, table.file(), "model.layer");
    std::vector<int64_t> layers;
    if (!reader.has("layers"))
      reader.refuse("layers", "the layers meant", "none", "layers = [0, 1]");
    reader.read("layers", layers);
    for (const int64_t l : layers) {
      if (l < 0 || l >= static_cast<int64_t>(drafts.size())) {
        reader.refuse("layers", fmt::format("layers from 0 to {}", drafts.size() - 1),
                      std::to_string(l));
      }
      read_layer_keys(reader, drafts[static_cast<size_t>(l)]);
    }
    if (layers.empty()) reader.refuse("layers", "the layers meant", "an empty list");
    reader.finish();
  }
}

LayerConfig settle(const TableReader& table, const Draft& draft, const Axes& axes) {
  LayerConfig layer = draft.layer;
  layer.mechanism_args = Args(table.where("mechanism_args"),
                              axes.mechanisms.find(layer.mechanism).args, draft.mechanism);
  layer.position_args =
      Args(table.where("position_args"), axes.positions.find(layer.position).args, draft.position);
  return layer;
}

void read_wiring(TableReader& table, const Design& design, ModelConfig& c, const Axes& axes) {
  std::vector<std::string> names(design.wiring.begin(), design.wiring.end());
  table.read("wiring", names);
  table.read("composition", c.composition);
  std::map<std::string, Given> given;
  if (const io::Value* args = table.take("wiring_args")) {
    TableReader reader(*args, table.file(), "model.wiring_args");
    for (const std::string& name : names) reader.read(name, given[name]);
    reader.finish();
  }
  for (const std::string& name : names) {
    c.wiring.push_back(configure_wiring(c, name, given[name], axes.wirings));
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
  const Design& design = find_design(c.design);
  read_sizes(table, c);
  read_loop(table, c);

  Draft draft;
  draft.layer.mechanism = design.mechanism;
  draft.layer.position = design.position;
  draft.layer.kv_heads = design.kv_heads == nullptr ? c.heads : design.kv_heads(c.heads);
  read_layer_keys(table, draft);
  std::vector<Draft> drafts(static_cast<size_t>(c.layers), draft);
  read_overrides(table, drafts);
  for (int64_t l = 0; l < c.depth(); ++l) {
    c.layer.push_back(settle(table, drafts[static_cast<size_t>(c.block_of(l))], axes));
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
