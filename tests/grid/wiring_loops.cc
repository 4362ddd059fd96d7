#include "grid/wiring_loops.h"

#include <functional>

#include "grid/cells.h"

namespace weft::grid {
namespace {

size_t at(int64_t i) {
  return static_cast<size_t>(i);
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
  const auto residual = [&](const std::string& variant, const Rewire& loops) {
    out.push_back({"value_residual_" + variant,
                   with_wiring(base, "value-residual", {{"variant", variant}}), loops});
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

// The forms that value residuals are measured against.
void add_ablations(const ModelConfig& base, std::vector<Definition>& out) {
  const auto residual = [&](const std::string& name, const Given& args, const Loops& loops) {
    out.push_back({"value_residual_" + name, with_wiring(base, "value-residual", args), loops});
  };
  using Stacks = StackRows KeysAndValues::*;
  const auto half = [](Stacks raw, Stacks mixed, const std::function<int(int)>& source, int first) {
    return [=](int l, KeysAndValues& t) {
      if (l < first) return;
      for (size_t h = 0; h < (t.*mixed)[at(l)].size(); ++h) {
        (t.*mixed)[at(l)][h] = blend(0.5, (t.*raw)[at(source(l))][h], 0.5, (t.*raw)[at(l)][h]);
      }
    };
  };
  const auto zero = [](int) { return 0; };
  using T = KeysAndValues;
  residual("of_k", {{"what", "k"}}, half(&T::raw_k, &T::k, zero, 1));
  residual("of_q", {{"what", "q"}}, half(&T::raw_q, &T::q, zero, 1));
  Loops outputs;
  outputs.outputs = half(&T::raw_o, &T::o, zero, 1);
  residual("of_o", {{"what", "o"}}, outputs);
  residual("second", {{"source", "second"}},
           half(
               &T::raw_v, &T::v, [](int) { return 1; }, 2));
  residual("previous", {{"source", "previous"}},
           half(
               &T::raw_v, &T::v, [](int l) { return l - 1; }, 1));
  const auto mean = [](int last, size_t head, const KeysAndValues& t) {  // of layers 0 to last
    Rows sum(t.raw_v[0][head].size(), 0);
    for (int i = 0; i <= last; ++i) sum = blend(1, sum, 1.0 / (last + 1), t.raw_v[at(i)][head]);
    return sum;
  };
  residual("all", {{"source", "all"}}, [=](int l, KeysAndValues& t) {
    for (size_t h = 0; h < t.v[at(l)].size(); ++h) t.v[at(l)][h] = mean(l, h, t);
  });
  Loops mapping;
  mapping.outputs = [=](int l, KeysAndValues& t) {
    const size_t group = t.o[at(l)].size() / t.v[at(l)].size();
    for (size_t h = 0; l > 0 && h < t.o[at(l)].size(); ++h) {
      t.o[at(l)][h] = blend(1, t.raw_o[at(l)][h], 1, mean(l - 1, h / group, t));
    }
  };
  residual("identity_mapping", {{"variant", "identity-mapping"}}, mapping);
}

// o + lambda * (v[0] - v[l]), per token.
Rewire correction(double lambda) {
  return [=](int l, KeysAndValues& t) {
    const size_t group = t.o[at(l)].size() / t.v[at(l)].size();
    for (size_t h = 0; l > 0 && h < t.o[at(l)].size(); ++h) {
      const Rows difference = blend(1, t.v[0][h / group], -1, t.v[at(l)][h / group]);
      t.o[at(l)][h] = blend(1, t.raw_o[at(l)][h], lambda, difference);
    }
  };
}

void add_neutreno(const ModelConfig& base, std::vector<Definition>& out) {
  Loops loops;
  loops.outputs = correction(0.4);
  out.push_back({"neutreno", with_wiring(base, "neutreno"), loops});
  loops.projections = value_residual(0.5, 0.5);  // whose blended value is corrected
  loops.outputs = correction(0.2);
  out.push_back({"neutreno_value_residual",
                 with_wiring(with_wiring(base, "neutreno", {{"lambda", 0.2}}), "value-residual"),
                 loops});
  loops.projections = shared_keys_and_values({0, 0, 2, 2});  // layer 1 has nothing to correct
  out.push_back({"neutreno_cla2",
                 with_wiring(with_wiring(base, "neutreno", {{"lambda", 0.2}}), "cla"), loops});
}

void add_sharing(const ModelConfig& base, std::vector<Definition>& out) {
  const auto cla = [&](const std::string& name, const Given& args, const Rewire& loops) {
    out.push_back({"cla_" + name, with_wiring(base, "cla", args), loops});
  };
  const auto keys = [](std::vector<int> owner) -> Rewire {
    return [=](int l, KeysAndValues& t) { t.k[at(l)] = t.raw_k[at(owner[at(l)])]; };
  };
  cla("keys", {{"what", "k"}}, keys({0, 0, 2, 2}));
  cla("values", {{"what", "v"}}, shared_value({0, 0, 2, 2}));
  cla("by_three", {{"share", int64_t{3}}}, shared_keys_and_values({0, 1, 1, 1}));
  cla("by_three_spare_at_top", {{"share", int64_t{3}}, {"spare", "top"}},
      shared_keys_and_values({0, 0, 0, 3}));
  cla("owners", {{"owners", std::vector<int64_t>{0, 1, 1, 0}}},
      shared_keys_and_values({0, 1, 1, 0}));
  cla("norm", {{"split_norm", true}}, shared_keys_and_values({0, 0, 2, 2}));
  const auto yoco = [&](const std::string& name, const Given& args, const Rewire& loops) {
    out.push_back({"yoco" + name, with_wiring(base, "yoco", args), loops});
  };
  yoco("", {}, shared_keys_and_values({0, 1, 2, 2}));
  yoco("_below", {{"owner", "M-1"}}, shared_keys_and_values({0, 1, 1, 1}));
  yoco("_values", {{"values_only", true}}, shared_value({0, 1, 2, 2}));
  yoco("_quarter", {{"fraction", 0.25}}, shared_keys_and_values({0, 1, 1, 1}));
  yoco("_norm", {{"split_norm", true}}, shared_keys_and_values({0, 1, 2, 2}));
}

void add_extra_sets(const ModelConfig& base, std::vector<Definition>& out) {
  const auto reading = [](const std::function<int(int)>& source) -> Rewire {
    return [=](int l, KeysAndValues& t) {
      if (source(l) < l) t.extra[at(l)] = {source(l)};
    };
  };
  const auto extra = [&](const std::string& name, const ModelConfig& from, const Given& args,
                         const Rewire& loops) {
    out.push_back({"cross_layer_" + name, with_wiring(from, "cross-layer", args), loops});
  };
  const Rewire first = reading([](int) { return 0; });
  extra("first", base, {}, first);
  extra("previous", base, {{"source", "previous"}}, reading([](int l) { return l - (l > 0); }));
  extra("second", base, {{"source", int64_t{1}}}, reading([](int) { return 1; }));
  extra("value_residual", with_wiring(base, "value-residual"), {{"source", "previous"}},
        both(value_residual(0.5, 0.5), reading([](int l) { return l - (l > 0); })));
  extra("cla2", with_wiring(base, "cla"), {{"source", "previous"}},
        both(shared_keys_and_values({0, 0, 2, 2}), reading([](int l) { return l - (l > 0); })));
}

// A mix that stays where a layer shares: it blends what is shared.
void add_followers(const ModelConfig& base, std::vector<Definition>& out) {
  ModelConfig c = with_wiring(with_wiring(base, "cla"), "value-residual",
                              {{"variant", "constant"}, {"lambda", 0.5}});
  c.composition = kBlendFollower;
  out.push_back({"cla2_follower_blends", c, [](int l, KeysAndValues& t) {
                   const LayerRows owned = l % 2 == 0 ? t.raw_v[at(l)] : t.v[at(l - 1)];
                   t.k[at(l)] = t.raw_k[at(l - l % 2)];
                   for (size_t h = 0; l > 0 && h < owned.size(); ++h) {
                     t.v[at(l)][h] = blend(0.5, t.raw_v[0][h], 1, owned[h]);
                   }
                 }});
}

void add_compositions(const ModelConfig& base, std::vector<Definition>& out) {
  const ModelConfig cla2 = with_wiring(base, "cla");
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

Rows blend(double a, const Rows& x, double b, const Rows& y) {
  Rows out(x.size());
  for (size_t i = 0; i < x.size(); ++i) out[i] = a * x[i] + b * y[i];
  return out;
}

std::vector<Definition> all_definitions() {
  std::vector<Definition> out;
  for (const int64_t kv_heads : {4, 2}) {
    const ModelConfig base = plain_config(kv_heads);
    std::vector<Definition> some = {{"plain", base, Loops()}};
    add_value_wirings(base, some);
    add_skipping(base, some);
    add_ablations(base, some);
    add_neutreno(base, some);
    add_sharing(base, some);
    add_extra_sets(base, some);
    add_followers(base, some);
    add_compositions(base, some);
    for (Definition& d : some) {
      d.name += kv_heads == 4 ? "_mha" : "_gqa";
      out.push_back(std::move(d));
    }
  }
  return out;
}

}  // namespace weft::grid
