// What the cache of a wired model holds, and what shares it.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/compare.h"
#include "grid/stack.h"
#include "grid/wiring_loops.h"
#include "io/testing.h"
#include "lab/checks/check.h"

namespace weft::grid {
namespace {

class CacheOf : public testing::TestWithParam<Definition> {};
INSTANTIATE_TEST_SUITE_P(Wirings, CacheOf, testing::ValuesIn(all_definitions()),
                         [](const auto& d) { return d.param.name; });

// Every slot holds what the mixer reads: mixed values, turned keys, layer 0's own.
TEST_P(CacheOf, HoldsTheKeysAndValuesOfTheLoops) {
  Stack stack(GetParam().config, DType::f64, axes_with_cla2());
  Runner decode = stack.runner(Mode::generate);
  const std::vector<int32_t> tokens = stack.tokens();
  decode.run(tokens, kTime);
  PlainModel loops(stack.config, stack.weights, GetParam().rewire);
  loops.logits(std::span(tokens).first(kTime));
  const int64_t dim = stack.config.head_dim, context = stack.config.context;
  const CachePlan& plan = stack.layout.cache;
  for (const Port port : {Port::k, Port::v}) {
    const StackRows& want = port == Port::k ? loops.taps().k : loops.taps().v;
    const auto& refs = port == Port::k ? plan.k : plan.v;
    for (size_t l = 0; l < refs.size(); ++l) {
      for (size_t h = 0; h < refs[l].size(); ++h) {
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

// Registered wirings are checked by the grid; those of the test are not registered.
std::vector<Definition> shared_pairs() {
  std::vector<Definition> all = all_definitions();
  std::erase_if(all, [](const Definition& d) { return !d.name.starts_with("cla2"); });
  return all;
}

class SharedPairs : public testing::TestWithParam<Definition> {};
INSTANTIATE_TEST_SUITE_P(Wirings, SharedPairs, testing::ValuesIn(shared_pairs()),
                         [](const auto& d) { return d.param.name; });

TEST_P(SharedPairs, PassEveryCheck) {
  const io::ScratchFolder scratch;
  const checks::Subject subject(GetParam().config, axes_with_cla2(), scratch.path().string());
  for (const checks::Check& check : checks::all()) {
    const checks::Result result = checks::run(check, subject);
    EXPECT_TRUE(result.ok) << check.name << ": " << result.message;
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
  const Axes axes = axes_with_cla2();
  int pairs = 0;
  for (const Definition& d : all_definitions()) {
    if (d.config.wiring.size() < 2) continue;
    SCOPED_TRACE(d.name);
    ModelConfig reversed = d.config;
    std::reverse(reversed.wiring.begin(), reversed.wiring.end());
    expect_same_bits(d.config, reversed, axes);
    ++pairs;
  }
  EXPECT_GE(pairs, 8);
  ModelConfig gains =
      with_wiring(plain_config(2), "value-residual", {{"variant", std::string("learnable")}});
  gains.wiring.push_back(configure_wiring(gains, "test-cla2", {}, axes.wirings));
  ModelConfig reversed = gains;
  std::reverse(reversed.wiring.begin(), reversed.wiring.end());
  expect_same_bits(gains, reversed, axes);
}

}  // namespace
}  // namespace weft::grid
