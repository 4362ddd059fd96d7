// What a single wiring may not say; each refusal with its message.
#include "model/wiring_check.h"

#include "model/test_models.h"

namespace weft {
namespace {

using namespace testing;

Wiring wiring(std::vector<Mix> mixes, std::vector<Gain> gains = {}) {
  return {"test", std::move(mixes), std::move(gains)};
}

void refused(const Wiring& w, const std::vector<std::string>& parts, const ModelConfig& c) {
  expect_refused([&] { spread(c, HeadIntervals(c, {w}), w, 0, 0); }, parts);
}

void refused(const Wiring& w, const std::vector<std::string>& parts) {
  refused(w, parts, plain({4, 4, 32, 16, 11}));
}

TEST(WiringCheck, ReadsOnlyWhatIsComputedBefore) {
  refused(wiring({{{Port::v, 1}, {{{Port::v, 2}}}, {}}}),
          {"wiring test", "layer 1, v, heads 0-3", "computed before", "v[2]"});
  refused(wiring({{{Port::x, 1}, {{{Port::y, 1}}}, {}}}), {"layer 1, x", "computed before"});
  refused(wiring({{{Port::y, 1}, {{{Port::x, 2}}}, {}}}), {"computed before", "x[2]"});
}

TEST(WiringCheck, PortsMustFit) {
  refused(wiring({{{Port::v, 1}, {{{Port::k, 0}}}, {}}}), {"sources of port v", "k[0]"});
  refused(wiring({{{Port::o, 1}, {{{Port::q, 0}}}, {}}}), {"sources of port o or v", "q[0]"});
  refused(wiring({{{Port::x, 1}, {{{Port::o, 0}}}, {}}}), {"sources of port x or y", "o[0]"});
}

TEST(WiringCheck, LayersMustExist) {
  refused(wiring({{{Port::v, 4}, {{{Port::v, 0}}}, {}}}), {"layers 0 to 3", "v[4]"});
  refused(wiring({{{Port::v, -1}, {{{Port::v, 0}}}, {}}}), {"layers 0 to 3", "v[-1]"});
  refused(wiring({{{Port::y, -1}, {{{Port::y, -1}}}, {}}}), {"destination", "y[-1]"});
  refused(wiring({{{Port::v, 2}, {{{Port::v, -1}}}, {}}}), {"sources in layers", "v[-1]"});
}

TEST(WiringCheck, WidthsMustAgree) {
  ModelConfig c = plain({4, 4, 32, 16, 11});
  c.layer[2].kv_heads = 2;
  refused(wiring({{{Port::v, 2}, {{{Port::v, 0}}}, {}}}), {"2 kv heads", "v[0] with 4"}, c);
  refused(wiring({{{Port::o, 2}, {{{Port::o, 2}}, {{Port::v, 0}}}, {}}}), {"2 kv heads"}, c);
}

TEST(WiringCheck, HeadsMustExist) {
  refused(wiring({{{Port::v, 1}, {{{Port::v, 0}}}, {2, 5}}}), {"heads within 0-3", "2-4"});
  refused(wiring({{{Port::v, 1}, {{{Port::v, 0}}}, {2, 2}}}), {"heads within 0-3", "no head"});
  refused(wiring({{{Port::v, 1}, {{{Port::v, 0}}}, {-1, 2}}}), {"heads within 0-3"});
}

TEST(WiringCheck, AHeadBelongsToOneMix) {
  refused(
      wiring({{{Port::v, 1}, {{{Port::v, 0}}}, {0, 3}}, {{Port::v, 1}, {{{Port::v, 0}}}, {2, 4}}}),
      {"layer 1, v, head 2", "at most one mix", "two"});
}

TEST(WiringCheck, GainsAreThereAndRead) {
  const Gain gain{GainKind::scalar, "test.gains", 0, 0, 1};
  refused(wiring({{{Port::v, 1}, {{{Port::v, 0}, 1, 1}}, {}}}, {gain}),
          {"a gain below 1", "gain 1"});
  refused(wiring({{{Port::v, 1}, {{{Port::v, 0}}}, {}}}, {gain}), {"gain 0", "without a reader"});
  refused(wiring({{{Port::v, 1}, {{{Port::v, 0}, 0, 0}}, {}}}, {gain}),
          {"gain 0", "without a reader"});
  refused(wiring({{{Port::v, 1}, {{{Port::v, 0}, 1, 0}, {{Port::v, 1}, 1, 1}}, {}}}, {gain, gain}),
          {"element of its own"});
}

TEST(WiringCheck, GatesBelongToOneDestinationWithAnInput) {
  const Gain gate{GainKind::gate, "test.gate"};
  refused(wiring({{{Port::x, 1}, {{{Port::y, 0}, 1, 0}}, {}}}, {gate}),
          {"layer 1, x, head 0", "a gate on q, k, v or o"});
  refused(wiring({{{Port::v, 1}, {{{Port::v, 0}, 1, 0}}, {}},
                  {{Port::v, 2}, {{{Port::v, 0}, 1, 0}}, {}}},
                 {gate}),
          {"layer 2, v", "a gate of its own", "v[1]"});
  refused(wiring({{{Port::v, 1}, {{{Port::v, 0}, 1, 0}, {{Port::v, 1}, 1, 1}}, {}}},
                 {gate, {GainKind::scalar, "test.gate", 1}}),
          {"of one kind a tensor", "test.gate[1, 0]"});
}

TEST(WiringCheck, OtherLayersKeysComeBefore) {
  const auto extra = [](std::vector<ExtraKv> list) {
    Wiring w{"test"};
    w.extra_kv = std::move(list);
    return w;
  };
  refused(extra({{1, 1}}), {"wiring test, layer 1", "an earlier layer", "layer 1"});
  refused(extra({{1, 3}}), {"an earlier layer", "layer 3"});
  refused(extra({{4, 0}}), {"wiring test, layer 4", "an earlier layer"});
  refused(extra({{2, -1}}), {"an earlier layer", "layer -1"});
  refused(extra({{2, 0}, {2, 0}}), {"every source once", "layer 0 twice"});
  ModelConfig c = plain({4, 4, 32, 16, 11});
  c.layer[2].kv_heads = 2;
  refused(extra({{2, 0}}), {"a source with 2 kv heads", "layer 0 with 4"}, c);
  Wiring norms{"test"};
  norms.split_norm = {4};
  refused(norms, {"split_norm", "layers 0 to 3", "4"});
}

TEST(WiringCheck, CoefficientsMustNotVanish) {
  Axes axes;
  axes.wirings.add({"test-zero", "", "", {}, [](const ModelConfig&, const Args&) {
                      return Wiring{"test-zero",
                                    {{{Port::v, 1}, {{{Port::v, 0}, 1}, {{Port::v, 0}, -1}}, {}}},
                                    {}};
                    }});
  expect_refused(
      [&] {
        derive_layout(with(plain({4, 4, 32, 16, 11}), "test-zero", {}, axes), axes);
      },
      {"test-zero", "layer 1, v, head 0", "does not vanish"});
}

void knob(std::string_view name, const Given& given, const std::vector<std::string>& parts,
          int64_t kv_heads = 4) {
  const ModelConfig c = plain({4, 4, 32, 16, 11, kv_heads});
  expect_refused([&] { derive_layout(with(c, name, given)); }, parts);
}

TEST(WiringArguments, AreChecked) {
  knob("skip-kv", {{"distance", int64_t{-1}}}, {"skip-kv.distance", "at least 0", "-1"});
  knob("skip-kv", {{"distance", int64_t{4}}}, {"skip-kv.distance", "at most 3", "4"});
  knob("skip-kv", {{"heads", int64_t{5}}}, {"skip-kv.heads", "at most model.heads = 4", "5"});
  knob("skip-kv", {{"heads", int64_t{3}}}, {"skip-kv.heads", "a multiple of 2", "3"}, 2);
  knob("skip-kv", {{"source", "row"}}, {"skip-kv.source", "raw, final"});
  knob("skip-kv", {{"distance", int64_t{2}}, {"layers", std::vector<int64_t>{1}}},
       {"skip-kv.layers", "distance = 2 to 3", "1"});
  knob("skipv1", {{"fraction", 0.3}}, {"skipv1.fraction", "whole number of the 4"});
  knob("skipv1", {}, {"skipv1.fraction", "whole number of the 1"}, 1);
  knob("skipv1", {{"fraction", 1.5}}, {"skipv1.fraction", "at most 1"});
  knob("shared-value", {{"anchors", std::vector<int64_t>{4}}}, {"anchors", "1 to 3", "4"});
  knob("shared-value", {{"anchors", std::vector<int64_t>{0}}}, {"anchors", "1 to 3", "0"});
  knob("value-residual", {{"variant", "constant"}, {"layers", std::vector<int64_t>{0}}},
       {"layers", "1 to 3", "0"});
  knob("value-residual", {{"variant", "constant"}, {"layers", std::vector<int64_t>{2, 2}}},
       {"layer 2, v", "at most one mix"});
  knob("value-residual", {{"layers", std::vector<int64_t>{2}}}, {"layers", "variant identity"});
  knob("value-residual",
       {{"variant", "sparse"}, {"source", "second"}, {"layers", std::vector<int64_t>{1}}},
       {"layers", "2 to 3", "1"});
  knob("value-residual", {{"variant", "dense"}, {"source", "previous"}},
       {"value-residual.source", "first with variant dense", "previous"});
  knob("value-residual", {{"variant", "gated"}, {"source", "all"}},
       {"value-residual.source", "variant gated", "all"});
  knob("value-residual", {{"variant", "identity-mapping"}, {"what", "k"}},
       {"value-residual.what", "v with variant identity-mapping", "k"});
  knob("value-residual", {{"what", "w"}}, {"value-residual.what", "v, k, q, o"});
  knob("cla", {{"share", int64_t{0}}}, {"cla.share", "at least 1", "0"});
  knob("cla", {{"what", "vk"}}, {"cla.what", "kv, k, v"});
  const auto owners = [](std::vector<int64_t> list) { return Given{{"owners", list}}; };
  knob("cla", owners({0, 0}), {"cla.owners", "each of 4 layers", "2"});
  knob("cla", owners({0, 2, 2, 2}), {"cla.owners", "0 to 1 for layer 1", "2"});
  knob("cla", owners({0, 0, 1, 3}),
       {"cla.owners", "owns its keys and values for layer 2", "layer 1, which reads", "layer 0"});
  knob("cross-layer", {{"source", int64_t{4}}}, {"cross-layer.source", "0 to 3", "4"});
  knob("cross-layer", {{"source", "last"}}, {"cross-layer.source", "first, previous", "last"});
  knob("yoco", {{"fraction", -0.1}}, {"yoco.fraction", "at least 0"});
  knob("yoco", {{"owner", "L"}}, {"yoco.owner", "M, M-1"});
  knob("dense", {{"dilation", int64_t{0}}}, {"dense.dilation", "at least 1", "0"});
  knob("dense", {{"period", int64_t{0}}}, {"dense.period", "at least 1", "0"});
  knob("value-residual", {{"variant", "learnible"}}, {"variant", "learnable"});
  knob("value-residul", {}, {"model.wiring", "value-residul", "did you mean \"value-residual\""});
  knob("value-residual", {{"lamda", 1.0}}, {"lamda", "did you mean \"lambda\""});
}

TEST(KeyCheck, OtherLayersKeysAreAttendedOnlyWhereTheyMeanTheSame) {
  ModelConfig c = with(plain({4, 4, 32, 16, 11}), "cross-layer", {{"source", "previous"}});
  EXPECT_NO_THROW(derive_layout(c));
  c.layer[2].position = "none";
  expect_refused([&] { derive_layout(c); },
                 {"layer 2, k and v", "a source with no rotation", "layer 1 with rope"});
  c.layer[2].position = "rope";
  c.layer[3].mechanism = "stick-breaking";
  expect_refused([&] { derive_layout(c); },
                 {"layer 3, k and v", "whatever their order", "stick-breaking"});
  static const MechanismInfo state = [] {
    MechanismInfo info{};
    info.name = "test-state";
    info.traits.recurrent = true;
    return info;
  }();
  Axes axes;
  axes.mechanisms.add(state);
  c.layer[3].mechanism = "test-state";
  expect_refused([&] { derive_layout(c, axes); },
                 {"layer 3, k and v", "whatever their order", "test-state", "a state"});
  c.layer[3].mechanism = "softmax";
  c.layer[0].mechanism = "test-state";
  expect_refused([&] { derive_layout(c, axes); },
                 {"layer 1, k and v", "layer 0 with a recurrent mechanism"});
}

TEST(KeyCheck, KeysAreSharedOnlyWhereTheyMeanTheSame) {
  const ModelConfig c = plain({4, 4, 32, 16, 11});
  const auto layer_2 = [&](auto change) {
    ModelConfig other = c;
    change(other.layer[2]);
    return other;
  };
  const ModelConfig unrotated = layer_2([](LayerConfig& l) { l.position = "alibi"; });
  const ModelConfig base = layer_2([](LayerConfig& l) {
    l.position_args = Args("", PositionRegistry().find("rope").args, {{"theta", 500.0}});
  });
  for (const ModelConfig& other : {unrotated, base}) {
    expect_refused([&] { derive_layout(with(other, "skip-kv")); },
                   {"wiring skip-kv, layer 2, k, head 2", "layer 1 with rope"});
    EXPECT_NO_THROW(derive_layout(with(other, "skip-kv", {{"values_only", true}})));
    EXPECT_NO_THROW(derive_layout(with(other, "value-residual")));
  }
  const ModelConfig narrow = layer_2([](LayerConfig& l) { l.kv_heads = 2; });
  expect_refused([&] { derive_layout(with(narrow, "value-residual")); },
                 {"layer 2, v", "2 kv heads"});
}

}  // namespace
}  // namespace weft
