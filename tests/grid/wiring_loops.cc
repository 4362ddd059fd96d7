#include "grid/wiring_loops.h"

#include "grid/cells.h"

namespace weft::grid {
namespace {

size_t at(int64_t i) {
  return static_cast<size_t>(i);
}

Wiring cla2(const ModelConfig& config, const Args&) {
  Wiring w{"test-cla2", {}, {}};
  for (int l = 1; l < static_cast<int>(config.layer.size()); l += 2) {
    w.mixes.push_back({{Port::k, l}, {{{Port::k, l - 1}}}, {}});
    w.mixes.push_back({{Port::v, l}, {{{Port::v, l - 1}}}, {}});
  }
  return w;
}

// v[l] = a * v[0] + b * v[l] in layers from `first` on.
Rewire value_residual(double a, double b, int first = 1) {
  return [=](int l, KeysAndValues& t) {
    if (l < first) return;
    for (size_t h = 0; h < t.v[at(l)].size(); ++h) {
      t.v[at(l)][h] = blend(a, t.raw_v[0][h], b, t.raw_v[at(l)][h]);
    }
  };
}

Rewire shared_value(std::vector<int> owner) {
  return [=](int l, KeysAndValues& t) { t.v[at(l)] = t.raw_v[at(owner[at(l)])]; };
}

Rewire shared_keys_and_values(std::vector<int> owner) {
  return [=](int l, KeysAndValues& t) {
    t.k[at(l)] = t.raw_k[at(owner[at(l)])];
    t.v[at(l)] = t.raw_v[at(owner[at(l)])];
  };
}

// The last `heads` kv heads of layer l read those of layer source(l).
Rewire skip(size_t heads, bool keys, const std::function<int(int)>& source) {
  return [=](int l, KeysAndValues& t) {
    for (size_t h = t.v[at(l)].size() - heads; h < t.v[at(l)].size(); ++h) {
      t.v[at(l)][h] = t.raw_v[at(source(l))][h];
      if (keys) t.k[at(l)][h] = t.raw_k[at(source(l))][h];
    }
  };
}

Rewire both(const Rewire& first, const Rewire& second) {
  return [=](int l, KeysAndValues& t) {
    first(l, t);
    second(l, t);
  };
}

using Given = std::map<std::string, Arg>;

void add_value_wirings(const ModelConfig& base, std::vector<Definition>& out) {
  const auto residual = [&](const std::string& variant, const Rewire& rewire) {
    out.push_back({"value_residual_" + variant,
                   with_wiring(base, "value-residual", {{"variant", variant}}), rewire});
  };
  residual("identity", value_residual(0.5, 0.5));
  residual("constant", value_residual(2, 1));
  residual("sparse", value_residual(5, 1, 2));
  out.push_back({"value_residual_one_layer",
                 with_wiring(base, "value-residual",
                             {{"variant", std::string("constant")},
                              {"lambda", -0.5},
                              {"layers", std::vector<int64_t>{2}}}),
                 [](int l, KeysAndValues& t) {
                   if (l == 2) value_residual(-0.5, 1)(l, t);
                 }});
  out.push_back({"shared_value", with_wiring(base, "shared-value"), shared_value({0, 0, 0, 0})});
  out.push_back({"shared_value_anchors",
                 with_wiring(base, "shared-value", {{"anchors", std::vector<int64_t>{2}}}),
                 shared_value({0, 0, 2, 2})});
  out.push_back({"skipv1", with_wiring(base, "skipv1"),
                 skip(at(base.layer[0].kv_heads / 2), false, [](int) { return 0; })});
}

void add_skipping(const ModelConfig& base, std::vector<Definition>& out) {
  const size_t half = at(base.layer[0].kv_heads / 2);
  const auto raw = [](int d) { return [d](int l) { return l < d ? l : l - d; }; };
  out.push_back({"skip_kv", with_wiring(base, "skip-kv"), skip(half, true, raw(1))});
  out.push_back({"skip_kv_by_two", with_wiring(base, "skip-kv", {{"distance", int64_t{2}}}),
                 skip(half, true, raw(2))});
  out.push_back({"skip_kv_values_only", with_wiring(base, "skip-kv", {{"values_only", true}}),
                 skip(half, false, raw(1))});
  out.push_back({"skip_kv_final", with_wiring(base, "skip-kv", {{"source", std::string("final")}}),
                 skip(half, true, [](int) { return 0; })});
  out.push_back(
      {"skip_kv_all_heads_final",
       with_wiring(base, "skip-kv", {{"heads", base.heads}, {"source", std::string("final")}}),
       shared_keys_and_values({0, 0, 0, 0})});
}

void add_compositions(const ModelConfig& base, std::vector<Definition>& out) {
  const Axes axes = axes_with_cla2();
  ModelConfig cla2 = base;
  cla2.wiring.push_back(configure_wiring(base, "test-cla2", {}, axes.wirings));
  out.push_back({"cla2", cla2, shared_keys_and_values({0, 0, 2, 2})});
  // The follower reads the value that its owner has blended.
  out.push_back(
      {"cla2_value_residual", with_wiring(cla2, "value-residual"), [](int l, KeysAndValues& t) {
         value_residual(0.5, 0.5)(l - l % 2, t);
         t.k[at(l)] = t.k[at(l - l % 2)];
         t.v[at(l)] = t.v[at(l - l % 2)];
       }});
  out.push_back({"cla2_shared_value", with_wiring(cla2, "shared-value"),
                 both(shared_keys_and_values({0, 0, 2, 2}), shared_value({0, 0, 0, 0}))});
  const size_t half = at(base.layer[0].kv_heads / 2);
  out.push_back(
      {"skip_kv_value_residual", with_wiring(with_wiring(base, "skip-kv"), "value-residual"),
       both(value_residual(0.5, 0.5), skip(half, true, [](int l) { return l == 0 ? 0 : l - 1; }))});
  out.push_back({"skipv1_value_residual",
                 with_wiring(with_wiring(base, "skipv1"), "value-residual"),
                 both(value_residual(0.5, 0.5), skip(half, false, [](int) { return 0; }))});
}

}  // namespace

Axes axes_with_cla2() {
  Axes axes;
  axes.wirings.add({"test-cla2", "2405.12981", "pairs of layers share keys and values", {}, cla2});
  return axes;
}

Rows blend(double a, const Rows& x, double b, const Rows& y) {
  Rows out(x.size());
  for (size_t i = 0; i < x.size(); ++i) out[i] = a * x[i] + b * y[i];
  return out;
}

std::vector<Definition> all_definitions() {
  std::vector<Definition> out;
  for (const int64_t kv_heads : {4, 2}) {
    const ModelConfig base = plain_config(kv_heads);
    std::vector<Definition> some = {{"plain", base, {}}};
    add_value_wirings(base, some);
    add_skipping(base, some);
    add_compositions(base, some);
    for (Definition& d : some) {
      d.name += kv_heads == 4 ? "_mha" : "_gqa";
      out.push_back(std::move(d));
    }
  }
  return out;
}

}  // namespace weft::grid
