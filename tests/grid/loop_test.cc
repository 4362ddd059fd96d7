// Loops against the deeper model whose blocks hold equal weights (2402.13572).
#include <gtest/gtest.h>

#include "base/compare.h"
#include "grid/stack.h"

namespace weft::grid {
namespace {

// The same executed layers, each with weights of its own; injection becomes a mix.
ModelConfig unrolled(const ModelConfig& looped) {
  ModelConfig c = looped;
  const LoopConfig loop = c.loop;
  c.layers = c.depth();
  c.loop = {};
  for (int64_t pass = 1; loop.inject && pass < loop.repeats; ++pass) {
    const std::string first = "x[" + std::to_string(loop.first) + "]";
    const std::string start = "x[" + std::to_string(loop.first + pass * loop.length()) + "]";
    c.mixes.push_back({"", start, {}, {{first}, {"x[l]"}}});
  }
  return c;
}

// "model.layers.<block>..." for the name of a tensor of the unrolled model.
std::string name_in_block(const ModelConfig& looped, const std::string& name) {
  const std::string prefix = "model.layers.";
  if (!name.starts_with(prefix)) return name;
  const size_t dot = name.find('.', prefix.size());
  const int64_t layer = std::stoll(name.substr(prefix.size(), dot - prefix.size()));
  return prefix + std::to_string(looped.block_of(layer)) + name.substr(dot);
}

// Calls f(element of the unrolled tensor, element of the block's); their heads may differ.
template <class F>
void for_each_pair(const ParameterSpec& layer, const ParameterSpec& block, F f) {
  const int64_t count = layer.shape.numel();
  std::map<int64_t, int64_t> place;  // element of the full matrix -> of the block's tensor
  for (int64_t i = 0; i < block.shape.numel(); ++i) place[block.full_element(i)] = i;
  for (int64_t i = 0; i < count; ++i) f(i, place.at(layer.full_element(i)));
}

struct Pair {
  Stack looped, tied;

  Pair(const ModelConfig& config, DType type) : looped(config, type), tied(unrolled(config), type) {
    for (int p = 0; p < tied.weights.count(); ++p) {
      const ParameterSpec& spec = tied.weights.spec(p);
      const int from = block(p);
      Tensor values(DType::f64, spec.shape);
      const TensorView source = looped.weights.value(from);
      for_each_pair(spec, looped.weights.spec(from),
                    [&](int64_t to, int64_t at) { values.as<double>()[to] = get(source, at); });
      tied.weights.assign(p, values.view());
    }
  }
  // The looped model's parameter that holds the values of one of the tied model.
  int block(int p) const {
    const int index = looped.weights.find(name_in_block(looped.config, tied.weights.spec(p).name));
    if (index < 0) throw std::runtime_error("no block for " + tied.weights.spec(p).name);
    return index;
  }
};

struct Case {
  const char* name;
  ModelConfig config;
  bool same_bits = true;  // false: the block projects more heads than the tied layer does
};

std::vector<Case> cases() {
  const ModelConfig two = with_loop(plain_config(2), {1, 2, 2, false});
  const ModelConfig all = with_loop(plain_config(), {0, 3, 2, false});
  std::vector<Case> list = {
      {"plain", two},
      {"inject", with_loop(plain_config(2), {1, 1, 3, true})},
      {"value-residual", with_wiring(all, "value-residual")},
      {"shared-value", with_wiring(all, "shared-value")},
      {"skip-kv", with_wiring(all, "skip-kv"), false},
      {"stick-breaking", with_loop(with_mechanism(plain_config(2), "stick-breaking",
                                                  {{"remainder", std::string("learned")}}),
                                   {0, 2, 2, false})}};
  return list;
}

TEST(Loop, ForwardIsThatOfTiedLayersToTheBit) {
  for (const Case& c : cases()) {
    for (const DType type : {DType::f64, DType::f32, DType::bf16}) {
      SCOPED_TRACE(std::string(c.name) + " " + std::string(name_of(type)));
      Pair pair(c.config, type);
      const Tensor got = pair.looped.logits(), want = pair.tied.logits();
      if (c.same_bits) {
        EXPECT_TRUE(same_bits(got.view(), want.view()));
      } else if (type == DType::f64) {
        EXPECT_LT(difference(got, want), 1e-14);
      }
    }
  }
}

TEST(Loop, DecodingIsThatOfTiedLayersToTheBit) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    Pair pair(c.config, DType::f32);
    const std::vector<int32_t> tokens = pair.looped.tokens();
    Runner x = pair.looped.runner(Mode::generate), y = pair.tied.runner(Mode::generate);
    EXPECT_EQ(x.state_bytes(), y.state_bytes());  // a cache for each executed layer
    int64_t past = 0;
    for (const int64_t time : {3, 1, 5}) {
      const std::vector<int32_t> part(tokens.begin() + kBatch * past,
                                      tokens.begin() + kBatch * (past + time));
      x.run(part, time, past);
      y.run(part, time, past);
      if (c.same_bits) {
        EXPECT_TRUE(same_bits(x.logits(kBatch).view(), y.logits(kBatch).view())) << past;
      } else {
        EXPECT_LT(difference(x.logits(kBatch), y.logits(kBatch)), 1e-5) << past;
      }
      past += time;
    }
  }
}

TEST(Loop, GradientIsTheSumOverTiedLayers) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    Pair pair(c.config, DType::f64);
    const std::vector<int32_t> tokens = pair.looped.tokens();
    Runner x = pair.looped.runner(Mode::train), y = pair.tied.runner(Mode::train);
    x.run(tokens, kTime);
    y.run(tokens, kTime);
    EXPECT_NEAR(x.loss(), y.loss(), 1e-14 * std::abs(y.loss()));
    std::vector<Tensor> sums;
    for (const ParameterSpec& spec : pair.looped.weights.specs()) {
      sums.emplace_back(DType::f64, spec.shape);
      for (double& s : sums.back().span<double>()) s = 0;
    }
    for (int p = 0; p < pair.tied.weights.count(); ++p) {
      const int to = pair.block(p);
      double* const sum = sums[static_cast<size_t>(to)].as<double>();
      for_each_pair(pair.tied.weights.spec(p), pair.looped.weights.spec(to),
                    [&](int64_t from, int64_t at) { sum[at] += get(y.gradient(p).view(), from); });
    }
    for (int p = 0; p < pair.looped.weights.count(); ++p) {
      EXPECT_LT(difference(x.gradient(p), sums[static_cast<size_t>(p)]), 1e-12)
          << pair.looped.weights.spec(p).name;
    }
  }
}

// A number of passes that the weights were not trained with is another program over them.
TEST(Loop, MorePassesRunOnTheSameWeights) {
  Stack two(with_loop(plain_config(2), {1, 2, 2, false}));
  Stack three(with_loop(plain_config(2), {1, 2, 3, false}));
  ASSERT_EQ(two.weights.count(), three.weights.count());
  for (int p = 0; p < two.weights.count(); ++p) {
    ASSERT_EQ(two.weights.spec(p).name, three.weights.spec(p).name);
    three.weights.assign(p, two.weights.value(p));
  }
  EXPECT_GT(difference(two.logits(), three.logits()), 1e-3);
}

}  // namespace
}  // namespace weft::grid
