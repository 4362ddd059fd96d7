#include "grid/cells.h"

#include <cctype>
#include <map>

#include "attention/mechanism.h"
#include "attention/positions/position.h"
#include "base/error.h"
#include "model/layout.h"
#include "model/wirings/registry.h"

namespace weft::grid {

ModelConfig plain_config(int64_t kv_heads) {
  ModelConfig c;
  c.vocab = 13;
  c.dim = 12;
  c.layers = 4;
  c.heads = 4;
  c.head_dim = 4;
  c.ffn = 16;
  c.context = 16;
  LayerConfig layer;
  layer.kv_heads = kv_heads;
  c.layer.assign(4, layer);
  return with_position(with_mechanism(c, "softmax"), "rope");
}

ModelConfig with_mechanism(ModelConfig config, const std::string& name,
                           const std::map<std::string, Arg>& args) {
  const MechanismRegistry registry;
  for (LayerConfig& l : config.layer) {
    l.mechanism = name;
    l.mechanism_args = Args("model.mechanism_args", registry.find(name).args, args);
  }
  return config;
}

ModelConfig with_position(ModelConfig config, const std::string& name) {
  const PositionRegistry registry;
  for (LayerConfig& l : config.layer) {
    l.position = name;
    l.position_args = Args("model.position_args", registry.find(name).args, {});
  }
  return config;
}

ModelConfig with_wiring(ModelConfig config, const std::string& name,
                        const std::map<std::string, Arg>& args) {
  config.wiring.push_back(configure_wiring(config, name, args, WiringRegistry()));
  return config;
}

namespace {

struct Variant {
  std::string label;  // "" for the defaults
  std::map<std::string, Arg> args;
};

// The defaults, and every other choice of one argument at a time.
std::vector<Variant> variants(std::span<const ArgSpec> specs) {
  std::vector<Variant> out = {{"", {}}};
  for (const ArgSpec& s : specs) {
    const std::string name(s.name);
    if (const auto* flag = std::get_if<bool>(&s.fallback)) {
      out.push_back({name, {{name, !*flag}}});
    }
    for (const std::string_view choice : s.choices) {
      if (s.fallback == Arg(std::string(choice))) continue;
      out.push_back({name + "_" + std::string(choice), {{name, std::string(choice)}}});
    }
  }
  return out;
}

std::string clean(std::string name) {
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

std::string join(std::initializer_list<std::string> parts) {
  std::string out;
  for (const std::string& p : parts) {
    if (!p.empty()) out += (out.empty() ? "" : "__") + p;
  }
  return clean(out);
}

bool works(const ModelConfig& config) {
  try {
    derive_layout(config);
    return true;
  } catch (const Error&) {
    return false;
  }
}

struct WiringChoice {
  std::string label;
  ModelConfig config;
};

std::vector<WiringChoice> wiring_choices(const ModelConfig& base) {
  std::vector<WiringChoice> out = {{"plain", base}};
  const WiringRegistry registry;
  for (const WiringInfo& w : registry.all()) {
    for (const Variant& v : variants(w.args)) {
      const std::string name(w.name);
      out.push_back(
          {name + (v.label.empty() ? "" : "_" + v.label), with_wiring(base, name, v.args)});
    }
  }
  return out;
}

void add_products(std::vector<Cell>& cells) {
  size_t turn = 0;
  const MechanismRegistry mechanisms;
  const PositionRegistry positions;
  for (const MechanismInfo* m : mechanisms.all()) {
    for (const Variant& v : variants(m->args)) {
      for (const PositionInfo* p : positions.all()) {
        const int64_t kv_heads = turn++ % 2 == 0 ? 4 : 2;
        ModelConfig base = with_mechanism(plain_config(kv_heads), std::string(m->name), v.args);
        base = with_position(base, std::string(p->name));
        for (const WiringChoice& w : wiring_choices(base)) {
          cells.push_back({join({std::string(m->name), v.label, std::string(p->name), w.label,
                                 kv_heads == 4 ? "mha" : "gqa"}),
                           w.config});
        }
      }
    }
  }
}

void add_compositions(std::vector<Cell>& cells) {
  const WiringRegistry registry;
  for (size_t i = 0; i < registry.all().size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const std::string a(registry.all()[i].name), b(registry.all()[j].name);
      const ModelConfig c = with_wiring(with_wiring(plain_config(2), a), b);
      if (works(c)) cells.push_back({join({"pair", a, b}), c});
    }
  }
}

void add_layer_overrides(std::vector<Cell>& cells) {
  for (const WiringChoice& w : wiring_choices(plain_config())) {
    ModelConfig window = w.config;
    for (LayerConfig& l : window.layer) l.window = 3;
    cells.push_back({join({"window3", w.label}), window});
    ModelConfig mixed = w.config;
    mixed.layer[1].window = 2;
    mixed.layer[3].window = 5;
    cells.push_back({join({"windows_differ", w.label}), mixed});
  }
  ModelConfig stick = with_mechanism(plain_config(2), "stick-breaking");
  for (LayerConfig& l : stick.layer) l.window = 4;
  cells.push_back({"stick_window4", stick});
  ModelConfig layers = plain_config();
  layers.layer[1] =
      with_position(with_mechanism(plain_config(1), "stick-breaking"), "none").layer[1];
  layers.layer[2] = with_position(plain_config(2), "alibi").layer[2];
  cells.push_back({"layers_differ", layers});
}

}  // namespace

std::vector<Cell> all_cells() {
  std::vector<Cell> cells;
  add_products(cells);
  add_compositions(cells);
  add_layer_overrides(cells);
  std::erase_if(cells, [](const Cell& c) { return !works(c.config); });
  return cells;
}

}  // namespace weft::grid
