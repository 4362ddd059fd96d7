#include "grid/cells.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <set>

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

ModelConfig with_loop(ModelConfig config, const LoopConfig& loop) {
  const std::vector<LayerConfig> blocks = std::move(config.layer);
  config.loop = loop;
  config.layer.clear();
  for (int64_t l = 0; l < config.depth(); ++l) {
    config.layer.push_back(blocks[static_cast<size_t>(config.block_of(l))]);
  }
  return config;
}

namespace {

constexpr int64_t kLayers = 4;

struct Variant {
  std::string label;  // "" for the defaults
  std::map<std::string, Arg> args;
};

// A value that is not the default, for arguments that are numbers or lists of layers.
std::optional<Arg> another_value(const ArgSpec& spec) {
  if (const auto* n = std::get_if<int64_t>(&spec.fallback)) {
    const int64_t next = *n + 1;
    if (static_cast<double>(next) <= spec.most) return next;
  }
  if (const auto* x = std::get_if<double>(&spec.fallback)) {
    const double half = *x == 0 ? 0.5 : *x / 2;
    if (half >= spec.least && half <= spec.most) return half;
  }
  if (std::holds_alternative<std::vector<int64_t>>(spec.fallback)) return std::vector<int64_t>{2};
  return {};
}

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
    if (const std::optional<Arg> value = another_value(s)) {
      out.push_back({name + "_" + to_string(*value), {{name, *value}}});
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

std::string join(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& p : parts) {
    if (!p.empty()) out += (out.empty() ? "" : "__") + p;
  }
  return clean(out);
}

// Finite differences say nothing about what rounding may blow up; `weft check` has inputs made for
// it.
bool unbounded(const ModelConfig& config) {
  const MechanismRegistry registry;
  return std::any_of(config.layer.begin(), config.layer.end(), [&](const LayerConfig& l) {
    return registry.find(l.mechanism).settings(l.mechanism_args).divides_by_any;
  });
}

// A wiring of the registry with some arguments; no name: the plain stack.
struct WiringChoice {
  std::string label, name;
  std::map<std::string, Arg> args;
};

std::vector<WiringChoice> wirings(bool with_variants) {
  std::vector<WiringChoice> out = {{"plain", "", {}}};
  const WiringRegistry registry;
  for (const WiringInfo& w : registry.all()) {
    const std::string name(w.name);
    for (const Variant& v : variants(w.args)) {
      if (v.label.empty() || with_variants) {
        out.push_back({name + (v.label.empty() ? "" : "__" + v.label), name, v.args});
      }
    }
  }
  return out;
}

class Collector {
 public:
  /// Adds the model with these wirings, or the reason why there is no such model.
  void add(const std::string& name, ModelConfig config, const std::vector<WiringChoice>& wired) {
    try {
      for (const WiringChoice& w : wired) {
        if (!w.name.empty()) config = with_wiring(config, w.name, w.args);
      }
      derive_layout(config);
      if (unbounded(config)) {
        out_.rejections.push_back({name, "weights divided by a sum of any sign"});
      } else {
        out_.cells.push_back({name, config});
      }
    } catch (const Error& error) {
      out_.rejections.push_back({name, error.what()});
    }
  }
  Enumeration take() { return std::move(out_); }

 private:
  Enumeration out_;
};

struct MechanismChoice {
  std::string label, name;
  std::map<std::string, Arg> args;
  bool is_default = true;
};

std::vector<MechanismChoice> mechanisms() {
  std::vector<MechanismChoice> out;
  const MechanismRegistry registry;
  for (const MechanismInfo* m : registry.all()) {
    for (const Variant& v : variants(m->args)) {
      const std::string name(m->name);
      out.push_back(
          {name + (v.label.empty() ? "" : "__" + v.label), name, v.args, v.label.empty()});
    }
  }
  return out;
}

ModelConfig with(ModelConfig config, const MechanismChoice& m) {
  return with_mechanism(std::move(config), m.name, m.args);
}

// Every mechanism and its variants x every position x every wiring and its variants; of two
// variants at once, one cell says no more than two.
void add_products(Collector& to) {
  size_t turn = 0;
  const PositionRegistry positions;
  for (const MechanismChoice& m : mechanisms()) {
    for (const PositionInfo* p : positions.all()) {
      for (const WiringChoice& w : wirings(m.is_default)) {
        const int64_t kv_heads = turn++ % 2 == 0 ? 4 : 2;
        to.add(join({m.label, std::string(p->name), w.label, kv_heads == 4 ? "mha" : "gqa"}),
               with_position(with(plain_config(kv_heads), m), std::string(p->name)), {w});
      }
    }
  }
}

// Pairs of wirings under softmax and stick-breaking, triples under softmax.
void add_compositions(Collector& to) {
  std::vector<WiringChoice> all = wirings(false);
  all.erase(all.begin());  // the plain stack
  const ModelConfig base = plain_config(2);
  const ModelConfig ordered = with_position(with_mechanism(base, "stick-breaking"), "none");
  for (size_t i = 0; i < all.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      to.add(join({"pair", all[i].label, all[j].label}), base, {all[i], all[j]});
      to.add(join({"stick_pair", all[i].label, all[j].label}), ordered, {all[i], all[j]});
      for (size_t k = 0; k < j; ++k) {
        to.add(join({"triple", all[i].label, all[j].label, all[k].label}), base,
               {all[i], all[j], all[k]});
      }
    }
  }
}

void add_windows(Collector& to) {
  for (const WiringChoice& w : wirings(true)) {
    ModelConfig same = plain_config(), differ = plain_config();
    for (LayerConfig& l : same.layer) l.window = 3;
    differ.layer[1].window = 2;
    differ.layer[3].window = 5;
    to.add(join({"window3", w.label}), same, {w});
    to.add(join({"windows_differ", w.label}), differ, {w});
  }
  for (const MechanismChoice& m : mechanisms()) {
    ModelConfig window = with(plain_config(2), m);
    for (LayerConfig& l : window.layer) l.window = 4;
    to.add(join({"window4", m.label}), window, {});
  }
}

// Layers that differ, one key/value head, odd and small numbers of layers.
void add_shapes(Collector& to) {
  const std::vector<WiringChoice> defaults = wirings(false);
  ModelConfig differ = plain_config();
  differ.layer[1] =
      with_position(with_mechanism(plain_config(1), "stick-breaking"), "none").layer[1];
  differ.layer[2] = with_position(plain_config(2), "alibi").layer[2];
  for (const WiringChoice& w : defaults) {
    to.add(join({"layers_differ", w.label}), differ, {w});
    to.add(join({"mqa", w.label}), plain_config(1), {w});
    to.add(join({"stick_mqa", w.label}),
           with_position(with_mechanism(plain_config(1), "stick-breaking"), "none"), {w});
    for (const int64_t layers : {1, 2, 5}) {
      ModelConfig c = plain_config(2);
      c.layers = layers;
      c.layer.resize(static_cast<size_t>(layers), c.layer[0]);
      to.add(join({"layers" + std::to_string(layers), w.label}), c, {w});
    }
  }
  // Every other layer of another mechanism: mixed and aliased keys and values meet all of them.
  for (const MechanismChoice& m : mechanisms()) {
    if (!m.is_default || m.name == "softmax") continue;
    ModelConfig hybrid = with_position(plain_config(2), "none");
    for (size_t l = 1; l < kLayers; l += 2) hybrid.layer[l] = with(hybrid, m).layer[l];
    for (const WiringChoice& w : defaults) to.add(join({"hybrid", m.label, w.label}), hybrid, {w});
  }
}

// Wirings count executed layers; three passes over one block, two over several.
void add_loops(Collector& to) {
  const ModelConfig twice = with_loop(plain_config(2), {1, 2, 2, false});
  for (const WiringChoice& w : wirings(true)) to.add(join({"loop", w.label}), twice, {w});
  const ModelConfig inject = with_loop(plain_config(), {2, 2, 3, true});
  to.add("loop_inject", inject, {});
  ModelConfig window = inject;
  for (LayerConfig& l : window.layer) l.window = 3;
  to.add("loop_inject_window3", window, {{"", "value-residual", {}}});
  to.add("loop_all", with_loop(plain_config(2), {0, 3, 2, true}), {});
  for (const MechanismChoice& m : mechanisms()) {
    if (!m.is_default) continue;
    to.add(join({"loop", m.label}), with_loop(with(plain_config(2), m), {0, 1, 2, false}), {});
  }
}

// What no registered wiring does: every port, learned gains, complements, ranges, final sources.
void add_own_mixes(Collector& to) {
  const auto learned = [](const char* from, double gain) {
    return MixTermConfig{from, 1, gain, true};
  };
  const std::vector<std::pair<const char*, std::vector<MixConfig>>> choices = {
      {"x_dense", {{"", "x[1..]", {}, {learned("y[-1..l-1]", 0.4)}}}},
      {"x_alias_y_blend",
       {{"", "x[2]", {}, {{"x[1]"}}},
        {"", "y[3]", {}, {{"y[l]", 0.5}, learned("x[2]", 1)}},
        {"", "x[L]", {}, {{"x[l]"}, {"y[1]", 0.5}}}}},
      {"q_k",
       {{"", "q[1..]", {1, 3}, {{"q[l-1]", 0.5}, {"q[l]"}}},
        {"", "k[1..:2]", {0, 1}, {learned("k[0]", 0.5), {.from = "k[l]", .complement = true}}}}},
      {"v_all", {{"", "v[0..]", {}, {learned("v[0..l]", 0.3)}}}},
      {"v_raw_chain", {{"", "v[2..]", {1, 2}, {{.from = "v[l-1]", .raw = true}, {"v[0]", -0.5}}}}},
      {"o_from_v", {{"", "o[1..]", {}, {{"o[l]"}, {"v[0]", 0.4}, {"v[l]", -0.4}}}}},
      {"o_blend", {{"", "o[3]", {0, 2}, {{"o[1]"}, learned("o[l]", 0.7)}}}},
  };
  for (const auto& [name, mixes] : choices) {
    for (const int64_t kv_heads : {4, 2}) {
      ModelConfig c = plain_config(kv_heads);
      c.mixes = mixes;
      to.add(join({"own", name, kv_heads == 4 ? "mha" : "gqa"}), c, {});
    }
  }
  ModelConfig beside =
      with_loop(with_mechanism(plain_config(2), "stick-breaking"), {1, 2, 2, true});
  beside.mixes = {{"", "x[L]", {}, {learned("y[-1..L-1]", 0.2)}}};
  to.add("own_beside_a_wiring_in_a_loop", beside, {{"", "skipv1", {}}});
}

}  // namespace

Enumeration enumerate() {
  Collector to;
  add_products(to);
  add_compositions(to);
  add_windows(to);
  add_shapes(to);
  add_loops(to);
  add_own_mixes(to);
  return to.take();
}

std::vector<Cell> all_cells() {
  return enumerate().cells;
}

std::vector<Cell> sample_cells() {
  std::vector<Cell> sample;
  std::set<std::string> seen;
  for (Cell& cell : enumerate().cells) {
    bool first = false;
    const auto meet = [&](std::string what, const Args& args) {
      for (const auto& [name, value] : args.values()) what += " " + to_string(value);
      first |= seen.insert(what).second;
    };
    for (const LayerConfig& l : cell.config.layer) {
      meet(l.position + " " + l.mechanism, l.mechanism_args);
    }
    for (const WiringConfig& w : cell.config.wiring) meet(w.name, w.args);
    if (first) sample.push_back(std::move(cell));
  }
  return sample;
}

}  // namespace weft::grid
