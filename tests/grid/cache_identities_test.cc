// What the cache of a wired model holds, and what shares it.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/compare.h"
#include "grid/stack.h"
#include "grid/wiring_loops.h"

namespace weft::grid {
namespace {

class CacheOf : public testing::TestWithParam<Definition> {};
INSTANTIATE_TEST_SUITE_P(Wirings, CacheOf, testing::ValuesIn(all_definitions()),
                         [](const auto& d) { return d.param.name; });

// Every slot holds what the mixer reads: mixed values, turned keys, layer 0's own.
TEST_P(CacheOf, HoldsTheKeysAndValuesOfTheLoops) {
  Stack stack(GetParam().config);
  Runner decode = stack.runner(Mode::generate);
  const std::vector<int32_t> tokens = stack.tokens();
  decode.run(tokens, kTime);
  PlainModel loops(stack.config, stack.weights, GetParam().loops);
  loops.logits(std::span(tokens).first(kTime));
  const int64_t dim = stack.config.head_dim, context = stack.config.context;
  const CachePlan& plan = stack.layout.cache;
  for (const Port port : {Port::k, Port::v}) {
    const StackRows& want = port == Port::k ? loops.taps().k : loops.taps().v;
    const auto& refs = port == Port::k ? plan.k : plan.v;
    for (size_t l = 0; l < refs.size(); ++l) {
      for (size_t h = 0; h < want[l].size(); ++h) {  // further sets are other layers' own
        const double* head = decode.state(static_cast<size_t>(refs[l][h].slot)).as<double>() +
                             refs[l][h].head * context * dim;
        for (int64_t i = 0; i < kTime * dim; ++i) {
          ASSERT_NEAR(head[i], want[l][h][static_cast<size_t>(i)], 1e-12)
              << "layer " << l << " head " << h;
        }
      }
    }
  }
}

TEST(CacheIdentities, ProjectionsThatNobodyReadsDoNotExist) {
  const Stack shared(with_wiring(plain_config(2), "shared-value"));
  for (int l = 0; l < 4; ++l) {
    EXPECT_EQ(shared.weights.find(weight_name(l, "self_attn.v_proj")) >= 0, l == 0);
    EXPECT_GE(shared.weights.find(weight_name(l, "self_attn.k_proj")), 0);
  }
  const Stack skip(with_wiring(plain_config(4), "skip-kv"));  // the top layer's raw heads 2, 3
  for (const std::string part : {"self_attn.k_proj", "self_attn.v_proj"}) {
    EXPECT_EQ(skip.weights.spec(skip.weights.find(weight_name(3, part))).shape, (Shape{8, 12}));
    EXPECT_EQ(skip.weights.spec(skip.weights.find(weight_name(2, part))).shape, (Shape{16, 12}));
  }
}

TEST(CacheIdentities, TheOrderOfTheWiringsChangesNothing) {
  std::vector<ModelConfig> configs;
  for (const Definition& d : all_definitions()) {
    if (d.config.wiring.size() >= 2) configs.push_back(d.config);
  }
  EXPECT_GE(configs.size(), 12u);
  const ModelConfig cla = with_wiring(plain_config(2), "cla");
  for (const std::string variant : {"learnable", "learnable-plus", "dense", "gated"}) {
    configs.push_back(with_wiring(cla, "value-residual", {{"variant", variant}}));
    configs.push_back(configs.back());
    configs.back().composition = kBlendFollower;
  }
  configs.push_back(with_wiring(with_wiring(cla, "dense"), "neutreno"));
  for (const ModelConfig& config : configs) {
    SCOPED_TRACE(config.wiring[0].name + " " + config.wiring[1].name);
    ModelConfig reversed = config;
    std::reverse(reversed.wiring.begin(), reversed.wiring.end());
    expect_same_bits(config, reversed);
  }
}

}  // namespace
}  // namespace weft::grid
