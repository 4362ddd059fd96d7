// What wirings must be equal to: themselves written as loops, each other at certain settings, and
// the plain stack where they say nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/compare.h"
#include "grid/stack.h"
#include "grid/wiring_loops.h"
#include "model/wirings/registry.h"

namespace weft::grid {
namespace {

using Text = std::string;

ModelConfig learnable(const ModelConfig& base) {
  return with_wiring(base, "value-residual", {{"variant", Text("learnable")}});
}

// The gains of every layer: of the first value, of the layer's own.
void set_gains(Stack& stack, double first, double own) {
  stack.edit("model.wiring.value-residual.gains",
             [&](int64_t i, double) { return i % 2 == 0 ? first : own; });
}

ModelConfig skip_kv(const ModelConfig& base, int64_t distance, int64_t heads, const Text& source,
                    bool values_only = false) {
  return with_wiring(
      base, "skip-kv",
      {{"distance", distance}, {"heads", heads}, {"source", source}, {"values_only", values_only}});
}

class Definitions : public testing::TestWithParam<Definition> {};

// Projections that do not exist are NaN in the loops: nothing may depend on them.
TEST_P(Definitions, TheEngineIsTheLoops) {
  Stack stack(GetParam().config);
  expect_like_loops(stack, GetParam().loops);
}

INSTANTIATE_TEST_SUITE_P(Wirings, Definitions, testing::ValuesIn(all_definitions()),
                         [](const auto& d) { return d.param.name; });

// Keys and queries turn by their positions, values do not: only distances matter. That the engine
// turns the same tensors as these loops is what TheEngineIsTheLoops says.
TEST(Definitions, AShiftOfAllPositionsChangesNothing) {
  for (const Definition& d : all_definitions()) {
    SCOPED_TRACE(d.name);
    const Stack stack(d.config);
    PlainModel loops(stack.config, stack.weights, d.loops);
    const std::vector<int32_t> tokens = random_tokens(stack.config, kTime, "tokens");
    const std::vector<double> here = loops.logits(tokens), there = loops.logits(tokens, 1000);
    for (size_t i = 0; i < here.size(); ++i) ASSERT_NEAR(there[i], here[i], 1e-10);
  }
}

TEST(Identities, GainsOfZeroAndOneAreThePlainStack) {
  Stack plain(plain_config(2));
  Stack gains(learnable(plain.config), plain);
  set_gains(gains, 0, 1);
  Runner a = plain.runner(Mode::train), b = gains.runner(Mode::train);
  a.run(plain.tokens(), kTime);
  b.run(plain.tokens(), kTime);
  EXPECT_NEAR(b.loss(), a.loss(), 1e-13 * a.loss());
  for (int p = 0; p < gains.weights.count(); ++p) {
    const int same = plain.weights.find(gains.weights.spec(p).name);
    if (same >= 0) {
      EXPECT_LT(difference(b.gradient(p), a.gradient(same)), 1e-12) << gains.weights.spec(p).name;
      continue;
    }
    for (int64_t i = 0; i < b.gradient(p).numel(); ++i) {
      EXPECT_GT(std::abs(get(b.gradient(p).view(), i)), 1e-6) << "a gain that is stuck: " << i;
    }
  }
}

// A factor of two moves from the mixes into the output projection, exactly.
TEST(Identities, HalfAndHalfIsOneAndOneWithHalfTheOutputProjection) {
  const ModelConfig base = plain_config(2);
  Stack half(with_wiring(base, "value-residual"), DType::f32);
  Stack one(with_wiring(base, "value-residual", {{"variant", Text("constant")}, {"lambda", 1.0}}),
            half);
  std::vector<std::string> halved;
  for (int l = 1; l < 4; ++l) {
    halved.push_back(weight_name(l, "self_attn.o_proj"));
    one.edit(halved.back(), [](int64_t, double w) { return w / 2; });
  }
  Runner a = half.runner(Mode::train), b = one.runner(Mode::train);
  a.run(half.tokens(), kTime);
  b.run(half.tokens(), kTime);
  EXPECT_EQ(a.loss(), b.loss());
  EXPECT_TRUE(same_bits(half.logits().view(), one.logits().view()));
  for (int p = 0; p < half.weights.count(); ++p) {
    const std::string& name = half.weights.spec(p).name;
    const bool twice = std::find(halved.begin(), halved.end(), name) != halved.end();
    Tensor want = convert(a.gradient(p).view(), DType::f32);
    for (float& x : want.span<float>()) x *= twice ? 2.f : 1.f;
    EXPECT_TRUE(same_bits(b.gradient(p).view(), want.view())) << name;
  }
}

TEST(Identities, GainsOfOneAndZeroShareTheFirstValue) {
  for (const DType type : {DType::f32, DType::f64}) {
    Stack gains(learnable(plain_config(2)), type);
    set_gains(gains, 1, 0);
    Stack shared(with_wiring(plain_config(2), "shared-value"), gains);
    EXPECT_TRUE(same_bits(gains.logits().view(), shared.logits().view()));
  }
}

// Where every layer computes the same value, all blends whose weights sum to one are the same.
TEST(Identities, BlendsOfEqualValuesShareTheFirstValue) {
  Stack plain(plain_config(2));
  for (int l = 0; l < 3; ++l) {
    plain.zero(weight_name(l, "self_attn.o_proj"));
    plain.zero(weight_name(l, "mlp.down_proj"));
    for (const Text part : {"input_layernorm", "self_attn.v_proj"}) {
      plain.tie(weight_name(0, part), weight_name(l + 1, part));
    }
  }
  Stack shared(with_wiring(plain.config, "shared-value"), plain);
  Stack gains(learnable(plain.config), plain);
  for (const double first : {0.3, -2.0, 0.5}) {
    set_gains(gains, first, 1 - first);
    EXPECT_LT(difference(gains.logits(), shared.logits()), 1e-13);
  }
  set_gains(gains, 0.3, 0.6);
  EXPECT_GT(difference(gains.logits(), shared.logits()), 1e-3);
}

TEST(Identities, OneLayerIsThePlainStackWhateverTheWiring) {
  ModelConfig base = plain_config(2);
  base.layers = 1;
  base.layer.resize(1);
  const WiringRegistry registry;
  for (const WiringInfo& w : registry.all()) {
    SCOPED_TRACE(w.name);
    if (w.name == "dense") continue;  // which averages the embedding and the one output
    expect_same_bits(with_wiring(base, Text(w.name)), base);
  }
  for (const Text variant : {"constant", "sparse", "learnable", "learnable-plus", "dense", "gated",
                             "identity-mapping"}) {
    expect_same_bits(with_wiring(base, "value-residual", {{"variant", variant}}), base);
  }
}

// Where all layers have the same keys, a second set of them halves every weight: the derivation of
// the value residual.
TEST(Identities, EqualKeysTurnAppendedValuesIntoTheirMean) {
  Stack plain(plain_config(2));
  for (int l = 0; l < 3; ++l) {
    plain.zero(weight_name(l, "self_attn.o_proj"));
    plain.zero(weight_name(l, "mlp.down_proj"));
    for (const Text part : {"input_layernorm", "self_attn.k_proj"}) {
      plain.tie(weight_name(0, part), weight_name(l + 1, part));
    }
  }
  for (const Text source : {"first", "previous"}) {
    Stack appended(with_wiring(plain.config, "cross-layer", {{"source", source}}), plain);
    Stack mean(with_wiring(plain.config, "value-residual", {{"source", source}}), plain);
    EXPECT_LT(difference(appended.logits(), mean.logits()), 1e-13) << source;
    EXPECT_GT(difference(appended.logits(), plain.logits()), 1e-3) << source;
    plain.edit(weight_name(3, "self_attn.k_proj"), [](int64_t, double w) { return 1.1 * w; });
    EXPECT_GT(
        difference(Stack(appended.config, plain).logits(), Stack(mean.config, plain).logits()),
        1e-4);
    plain.edit(weight_name(3, "self_attn.k_proj"), [](int64_t, double w) { return w / 1.1; });
  }
}

// Query head h reads kv head h / group: as if the kv heads stood there several times.
TEST(Identities, GroupedHeadsAreRepeatedHeads) {
  const std::vector<std::function<ModelConfig(const ModelConfig&)>> wirings = {
      [](const ModelConfig& c) { return c; },
      [](const ModelConfig& c) { return with_wiring(c, "value-residual"); },
      [](const ModelConfig& c) { return with_wiring(c, "shared-value"); },
      [](const ModelConfig& c) { return with_wiring(c, "skipv1"); },
      [](const ModelConfig& c) { return with_wiring(c, "neutreno"); },
      [](const ModelConfig& c) { return with_wiring(c, "cla"); },
      [](const ModelConfig& c) { return skip_kv(c, 1, 2, "raw"); }};
  for (const auto& wiring : wirings) {
    Stack grouped(wiring(plain_config(2))), full(wiring(plain_config(4)));
    const Tensor other = full.logits();
    copy_weights(grouped.weights, full.weights, [](int head) { return head / 2; });
    EXPECT_LT(difference(full.logits(), grouped.logits()), 1e-13);
    EXPECT_GT(difference(other, grouped.logits()), 1e-3);
  }
}

// Embeddings of equal length with one channel in common, and a first value that reads it alone:
// every row of v[0] is the same, so attention cannot tell its keys apart.
TEST(Identities, AConstantFirstValueMakesSharedValueForgetTheOthers) {
  Stack plain(plain_config(2));
  const int64_t dim = plain.config.dim;
  const Tensor table =
      convert(plain.weights.master(plain.weights.find("model.embed_tokens.weight")), DType::f64);
  plain.edit("model.embed_tokens.weight", [&](int64_t i, double x) {
    if (i % dim == 0) return 1.0;
    double squares = 0;
    for (int64_t c = 1; c < dim; ++c) {
      const double y = table.as<double>()[i - i % dim + c];
      squares += y * y;
    }
    return x / std::sqrt(squares);
  });
  plain.edit(weight_name(0, "self_attn.v_proj"),
             [&](int64_t i, double w) { return i % dim == 0 ? w : 0; });
  const auto seen_by_last_row = [&](Stack stack) {  // of the first token of each sequence
    std::vector<int32_t> tokens = stack.tokens();
    const Tensor before = stack.logits(tokens);
    for (const size_t t : {size_t{0}, static_cast<size_t>(kTime)}) tokens[t] = 12 - tokens[t];
    const Tensor after = stack.logits(tokens);
    double most = 0;
    for (int64_t v = 0; v < stack.config.vocab; ++v) {
      const int64_t i = (kTime - 1) * stack.config.vocab + v;
      most = std::max(most, std::abs(before.as<double>()[i] - after.as<double>()[i]));
    }
    return most;
  };
  EXPECT_LT(seen_by_last_row(Stack(with_wiring(plain.config, "shared-value"), plain)), 1e-12);
  EXPECT_GT(seen_by_last_row(Stack(with_wiring(plain.config, "value-residual"), plain)), 1e-4);
  EXPECT_GT(seen_by_last_row(Stack(plain.config, plain)), 1e-4);
}

// Layers with tied norms, keys and values, and nothing added in between, compute the same keys and
// values: skipping to another of them changes nothing.
TEST(Identities, SkippingCollapsesWhereLayersAreTied) {
  Stack plain(plain_config(4), DType::f32);
  const auto skipping = [&](int64_t distance, int64_t heads, const Text& source) {
    return Stack(skip_kv(plain.config, distance, heads, source), plain);
  };
  for (int l = 1; l < 4; ++l) {
    for (const Text part : {"input_layernorm", "self_attn.k_proj", "self_attn.v_proj"}) {
      plain.tie(weight_name(0, part), weight_name(l, part));
    }
  }
  EXPECT_GT(difference(skipping(1, 2, "raw").logits(), plain.logits()), 1e-3);
  for (int l = 0; l < 3; ++l) {
    plain.zero(weight_name(l, "self_attn.o_proj"));
    plain.zero(weight_name(l, "mlp.down_proj"));
  }
  for (const int64_t distance : {1, 2, 3}) {
    for (const int64_t heads : {1, 2, 3, 4}) {
      for (const Text source : {"raw", "final"}) {
        EXPECT_TRUE(
            same_bits(skipping(distance, heads, source).logits().view(), plain.logits().view()))
            << distance << " " << heads << " " << source;
      }
    }
  }
}

TEST(Identities, SkippingAllHeadsInOddLayersIsCrossLayerSharing) {
  for (const int64_t kv_heads : {4, 2}) {
    const ModelConfig base = plain_config(kv_heads);
    const ModelConfig odd = with_wiring(
        base, "skip-kv", {{"heads", base.heads}, {"layers", std::vector<int64_t>{1, 3}}});
    expect_same_bits(odd, with_wiring(base, "cla"));
  }
}

TEST(Identities, SkippingValuesInAChainIsSkipV1) {
  for (const int64_t kv_heads : {4, 2}) {
    const ModelConfig base = plain_config(kv_heads);
    expect_same_bits(skip_kv(base, 1, 2, "final", true), with_wiring(base, "skipv1"));
  }
}

TEST(Identities, RawAndFinalSourcesDifferExactlyWhereLayersChain) {
  const ModelConfig base = plain_config(4);
  Stack plain(base);
  const auto logits = [&](int64_t distance, const Text& source) {
    return Stack(skip_kv(base, distance, 2, source), plain).logits();
  };
  EXPECT_GT(difference(logits(1, "raw"), logits(1, "final")), 1e-3);
  for (const int64_t distance : {2, 3}) {
    expect_same_bits(skip_kv(base, distance, 2, "raw"), skip_kv(base, distance, 2, "final"));
  }
}

// Swaps two heads of every layer: rows of the projections, columns of the output projection.
void swap_heads(Stack& stack, int64_t a, int64_t b) {
  const int64_t dim = stack.config.head_dim, width = stack.config.q_width();
  const auto other = [&](int64_t channel) {
    const int64_t head = channel / dim, to = head == a ? b : head == b ? a : head;
    return to * dim + channel % dim;
  };
  for (int l = 0; l < 4; ++l) {
    for (const Text part : {"q_proj", "k_proj", "v_proj", "o_proj"}) {
      const Text name = weight_name(l, "self_attn." + part);
      const TensorView w = stack.weights.master(stack.weights.find(name));
      const Tensor old = convert(w, DType::f64);
      const int64_t columns = w.desc.shape[1];
      stack.edit(name, [&](int64_t i, double) {
        const int64_t row = i / columns, column = i % columns;
        const int64_t from =
            part == "o_proj" ? row * width + other(column) : other(row) * columns + column;
        return get(old.view(), from);
      });
    }
  }
}

TEST(Identities, HeadsMayBePermutedWithinTheSkippingOnes) {
  Stack plain(plain_config(4));
  const ModelConfig config = skip_kv(plain.config, 1, 2, "raw");
  const Tensor want = Stack(config, plain).logits();
  const auto swapped = [&](int64_t a, int64_t b) {
    Stack other(plain.config, plain);
    swap_heads(other, a, b);
    EXPECT_LT(difference(other.logits(), plain.logits()), 1e-13);
    return Stack(config, other).logits();
  };
  EXPECT_LT(difference(swapped(2, 3), want), 1e-13);
  EXPECT_LT(difference(swapped(0, 1), want), 1e-13);
  EXPECT_GT(difference(swapped(1, 2), want), 1e-3);
}

}  // namespace
}  // namespace weft::grid
