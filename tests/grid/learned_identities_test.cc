// Wirings with learned coefficients: themselves written as loops over the weights, and what they
// must be equal to at certain settings.
#include <gtest/gtest.h>

#include <cmath>

#include "base/compare.h"
#include "grid/stack.h"
#include "grid/wiring_loops.h"
#include "model/wirings/registry.h"

namespace weft::grid {
namespace {

size_t at(int64_t i) {
  return static_cast<size_t>(i);
}

ModelConfig residual(const std::string& variant, int64_t kv_heads = 2) {
  return with_wiring(plain_config(kv_heads), "value-residual", {{"variant", variant}});
}

ModelConfig depth(int64_t layers, int64_t dilation, int64_t period) {
  ModelConfig c = plain_config(2);
  c.layers = layers;
  c.layer.resize(at(layers), c.layer.front());
  return with_wiring(c, "dense", {{"dilation", dilation}, {"period", period}});
}

std::vector<double> gains(const Stack& stack, const std::string& name) {
  const int p = stack.weights.find("model.wiring." + name);
  if (p < 0) throw std::runtime_error("no gains " + name);
  std::vector<double> out;
  for (int64_t i = 0; i < stack.weights.spec(p).shape.numel(); ++i) {
    out.push_back(get(stack.weights.master(p), i));
  }
  return out;
}

// v[layer] = a * v[0] + b * v[layer] with coefficients of each layer.
Loops blends(const std::function<std::pair<double, double>(int)>& coefficients) {
  return [=](int l, KeysAndValues& t) {
    if (l == 0) return;
    const auto [a, b] = coefficients(l);
    for (size_t h = 0; h < t.v[at(l)].size(); ++h) {
      t.v[at(l)][h] = blend(a, t.raw_v[0][h], b, t.raw_v[at(l)][h]);
    }
  };
}

TEST(LearnedGains, ThoseOfLearnableAreFirstAndOwn) {
  Stack stack(residual("learnable"));
  const std::vector<double> g = gains(stack, "value-residual.gains");
  expect_like_loops(
      stack, blends([&](int l) { return std::pair(g[at(2 * (l - 1))], g[at(2 * (l - 1) + 1)]); }));
}

TEST(LearnedGains, OneSoftmaxIsSharedByAllLayers) {
  Stack stack(residual("learnable-plus"));
  const std::vector<double> z = gains(stack, "value-residual.first.logits");
  const std::vector<double> factor = gains(stack, "value-residual.first.factor");
  const std::vector<double> own = gains(stack, "value-residual.own");
  ASSERT_EQ(z.size(), 3u);
  double sum = 0;
  for (const double x : z) sum += std::exp(x);
  expect_like_loops(stack, blends([&](int l) {
                      return std::pair(factor[0] * std::exp(z[at(l - 1)]) / sum, own[at(l - 1)]);
                    }));
}

TEST(LearnedGains, EveryEarlierValueHasItsOwnInTheDenseVariant) {
  Stack stack(residual("dense"));
  expect_like_loops(stack, [&](int l, KeysAndValues& t) {
    if (l == 0) return;
    const std::vector<double> g = gains(stack, "value-residual.gains." + std::to_string(l));
    ASSERT_EQ(g.size(), at(l + 1));
    for (size_t h = 0; h < t.v[at(l)].size(); ++h) {
      Rows sum(t.raw_v[0][h].size(), 0);
      for (int i = 0; i < l; ++i) sum = blend(1, sum, g[at(i)], t.v[at(i)][h]);
      t.v[at(l)][h] = blend(1, sum, g[at(l)], t.raw_v[at(l)][h]);
    }
  });
}

TEST(LearnedGains, AGateBlendsByTokenAndHead) {
  for (const int64_t kv_heads : {4, 2}) {
    Stack stack(residual("gated", kv_heads));
    const int64_t dim = stack.config.dim, head_dim = stack.config.head_dim;
    const std::vector<double> w = gains(stack, "value-residual.gate.weight");
    const std::vector<double> b = gains(stack, "value-residual.gate.bias");
    ASSERT_EQ(w.size(), at(3 * kv_heads * dim));
    expect_like_loops(stack, [&](int l, KeysAndValues& t) {
      for (int64_t h = 0; l > 0 && h < kv_heads; ++h) {
        const int64_t gate = (l - 1) * kv_heads + h;
        Rows& v = t.v[at(l)][at(h)];
        for (size_t i = 0; i < v.size(); ++i) {
          const int64_t token = static_cast<int64_t>(i) / head_dim;
          double z = b[at(gate)];
          for (int64_t c = 0; c < dim; ++c) {
            z += t.n[at(l)][at(token * dim + c)] * w[at(gate * dim + c)];
          }
          const double open = 1 / (1 + std::exp(-z));
          v[i] = (1 - open) * t.raw_v[0][at(h)][i] + open * t.raw_v[at(l)][at(h)][i];
        }
      }
    });
  }
}

TEST(LearnedGains, DepthAveragesReadTheBlocksOwnOutputs) {
  for (const auto& [dilation, period] : {std::pair{1, 1}, {2, 1}, {1, 2}, {3, 2}}) {
    Stack stack(depth(4, dilation, period));
    Loops loops;
    loops.inputs = [&, dilation = dilation, period = period](int i, KeysAndValues& t) {
      if (i == 0 || i % period != 0) return;
      const std::vector<double> a = gains(stack, "dense." + std::to_string(i));
      ASSERT_EQ(a.size(), at(i / dilation + 1));
      Rows sum(t.y[0].size(), 0);
      size_t next = 0;
      for (int j = 0; j <= i; ++j) {
        if ((i - j) % dilation == 0) sum = blend(1, sum, a[next++], t.y[at(j)]);
      }
      t.x[at(i)] = sum;
    };
    expect_like_loops(stack, loops);
  }
}

TEST(LearnedGains, AMixOfGatedHeadsBesideSharedOnes) {
  const ModelConfig c = with_wiring(residual("gated", 4), "skipv1");
  Stack stack(c);
  EXPECT_EQ(stack.weights.spec(stack.weights.find("model.wiring.value-residual.gate.bias")).shape,
            (Shape{3, 4}));
  const std::vector<double> w = gains(stack, "value-residual.gate.weight");
  const std::vector<double> b = gains(stack, "value-residual.gate.bias");
  const int64_t dim = c.dim;
  expect_like_loops(stack, [&](int l, KeysAndValues& t) {
    for (int64_t h = 0; l > 0 && h < 4; ++h) {
      Rows& v = t.v[at(l)][at(h)];
      for (size_t i = 0; i < v.size(); ++i) {
        const int64_t token = static_cast<int64_t>(i) / c.head_dim, gate = (l - 1) * 4 + h;
        double z = b[at(gate)];
        for (int64_t k = 0; k < dim; ++k) {
          z += t.n[at(l)][at(token * dim + k)] * w[at(gate * dim + k)];
        }
        const double open = h < 2 ? 1 / (1 + std::exp(-z)) : 0;
        const double own = h < 2 ? t.raw_v[at(l)][at(h)][i] : 0;  // not projected for the others
        v[i] = (1 - open) * t.raw_v[0][at(h)][i] + open * own;
      }
    }
  });
}

void fill(Stack& stack, const std::string& name, double value) {
  stack.edit("model.wiring." + name, [=](int64_t, double) { return value; });
}

TEST(LearnedGains, AHalfOpenGateIsTheIdentityVariant) {
  Stack gated(residual("gated"));
  fill(gated, "value-residual.gate.weight", 0);
  fill(gated, "value-residual.gate.bias", 0);
  Stack identity(residual("identity"), gated);
  EXPECT_LT(difference(gated.logits(), identity.logits()), 1e-14);
  fill(gated, "value-residual.gate.bias", 50);
  Stack plain(plain_config(2), gated);
  EXPECT_LT(difference(gated.logits(), plain.logits()), 1e-12);
  EXPECT_GT(difference(identity.logits(), plain.logits()), 1e-3);
}

TEST(LearnedGains, TheSoftmaxStartsAtDepthOverDepthLessOne) {
  const ModelConfig config = residual("learnable-plus");
  const Layout layout = derive_layout(config);
  Stack plus(config);
  for (const GainTensor& g : layout.gain_tensors) {
    plus.edit("model.wiring." + g.name, [&](int64_t i, double) { return g.init[at(i)]; });
  }
  Stack gains(residual("learnable"), plus);
  gains.edit("model.wiring.value-residual.gains",
             [](int64_t i, double) { return i % 2 == 0 ? 4.0 / 3 : 0.5; });
  EXPECT_LT(difference(plus.logits(), gains.logits()), 1e-14);
}

// Zeros may have another sign.
void expect_equal(const TensorView& a, const TensorView& b, const std::string& what) {
  ASSERT_EQ(a.desc, b.desc) << what;
  for (int64_t i = 0; i < a.desc.numel(); ++i) ASSERT_EQ(get(a, i), get(b, i)) << what << " " << i;
}

TEST(LearnedGains, DepthAveragesStartAsThePlainStack) {
  for (const auto& [dilation, period] : {std::pair{1, 1}, {2, 1}, {4, 1}, {4, 5}}) {
    for (const DType type : {DType::f32, DType::bf16}) {
      const ModelConfig config = depth(6, dilation, period);
      Stack dense(config, type);
      for (const GainTensor& g : dense.layout.gain_tensors) {
        dense.edit("model.wiring." + g.name, [&](int64_t i, double) { return g.init[at(i)]; });
      }
      EXPECT_EQ(dense.layout.gain_tensors.size(), at(6 / period));
      ModelConfig bare = config;
      bare.wiring.clear();
      Stack plain(bare, type);
      Runner a = dense.runner(Mode::train), b = plain.runner(Mode::train);
      a.run(plain.tokens(), kTime);
      b.run(plain.tokens(), kTime);
      EXPECT_EQ(a.loss(), b.loss());
      for (int p = 0; p < plain.weights.count(); ++p) {
        const std::string& name = plain.weights.spec(p).name;
        expect_equal(a.gradient(dense.weights.find(name)).view(), b.gradient(p).view(), name);
      }
      expect_equal(dense.logits().view(), plain.logits().view(), "logits");
    }
  }
}

// Values are corrected after attention, not blended before it.
TEST(LearnedGains, NeutrenoIsNotABlendOfValues) {
  const ModelConfig base = plain_config(2);
  Stack neutreno(with_wiring(base, "neutreno"));
  Stack other(base, neutreno);
  PlainModel blended(other.config, other.weights, blends([](int) { return std::pair(0.4, 0.6); }));
  const std::vector<int32_t> tokens = neutreno.tokens();
  const std::vector<double> wrong = blended.logits(std::span(tokens).first(kTime));
  const Tensor right = neutreno.logits();
  double most = 0;
  for (size_t i = 0; i < wrong.size(); ++i) {
    most = std::max(most, std::abs(wrong[i] - right.as<double>()[i]));
  }
  EXPECT_GT(most, 1e-2);
}

// Keys and values of a layer, each with gates of its own.
Wiring two_gates(const ModelConfig& config, const Args&) {
  Wiring w{"test-gates"};
  for (int l = 1; l < static_cast<int>(config.layer.size()); ++l) {
    for (const Port port : {Port::k, Port::v}) {
      const int gain = static_cast<int>(w.gains.size());
      const std::string name = port == Port::k ? "test-gates.k" : "test-gates.v";
      w.gains.push_back({GainKind::gate, name, l - 1});
      w.mixes.push_back({{port, l}, {{{port, 0}, 1, gain, true}, {{port, l}, 1, gain}}, {}});
    }
  }
  return w;
}

TEST(LearnedGains, GatesOfOneLayerAreNotConfused) {
  Axes axes;
  axes.wirings.add({"test-gates", "", "", {}, two_gates});
  ModelConfig config = plain_config(2);
  config.wiring.push_back(configure_wiring(config, "test-gates", {}, axes.wirings));
  Stack stack(config, DType::f64, axes);
  const Tensor before = stack.logits();
  for (const char* name : {"test-gates.k.bias", "test-gates.v.bias"}) {
    Stack other(config, stack, axes);
    other.edit(std::string("model.wiring.") + name, [](int64_t, double b) { return b + 1; });
    EXPECT_GT(difference(other.logits(), before), 1e-3) << name;
  }
}

// Where they are kept from decay, and that they learn at all.
TEST(LearnedGains, DoNotDecayAndAreHeard) {
  std::vector<ModelConfig> configs = {depth(4, 1, 1)};
  for (const char* variant : {"learnable", "learnable-plus", "dense", "gated"}) {
    configs.push_back(residual(variant));
  }
  for (const ModelConfig& config : configs) {
    Stack stack(config);
    Runner train = stack.runner(Mode::train);
    train.run(stack.tokens(), kTime);
    int count = 0;
    for (int p = 0; p < stack.weights.count(); ++p) {
      const ParameterSpec& spec = stack.weights.spec(p);
      if (!spec.name.starts_with("model.wiring.")) continue;
      ++count;
      EXPECT_FALSE(spec.decay) << spec.name;
      EXPECT_TRUE(spec.gain) << spec.name;
      for (int64_t i = 0; i < spec.shape.numel(); ++i) {
        EXPECT_NE(get(train.gradient(p).view(), i), 0) << spec.name << " " << i;
      }
    }
    EXPECT_GT(count, 0);
  }
}

}  // namespace
}  // namespace weft::grid
