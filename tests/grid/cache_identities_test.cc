// What the cache of a wired model holds, and what shares it.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/compare.h"
#include "grid/stack.h"
#include "grid/wiring_loops.h"
#include "infer/session.h"

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

class SessionOf : public testing::TestWithParam<Definition> {};
INSTANTIATE_TEST_SUITE_P(Wirings, SessionOf, testing::ValuesIn(all_definitions()),
                         [](const auto& d) { return d.param.name; });

// A slot has one length whoever reads it: going back is going back once.
TEST_P(SessionOf, RollsBackOnceForAllReaders) {
  const ModelConfig& config = GetParam().config;
  const Layout layout = derive_layout(config);
  const Model model{config, layout, random_parameters(config, layout, DType::f32)};
  const std::vector<int32_t> text = random_tokens(config, 14, "text");
  const auto logits = [](const Session& s) {
    std::vector<double> out(static_cast<size_t>(s.vocab()));
    s.logits(0, out);
    return out;
  };
  const auto part = [&](size_t first, size_t last) {
    return std::span(text).subspan(first, last - first);
  };
  const Runtime runtime{1, best_isa(), {}};
  Session session(model, {.context = 14, .runtime = runtime});
  session.feed(part(0, 4));
  for (const size_t guesses : {3, 1, 5}) {  // guessed, rejected
    session.feed(part(9, 9 + guesses));
    session.truncate(4);
    EXPECT_EQ(session.length(), 4);
  }
  Session straight(model, {.context = 14, .runtime = runtime});
  straight.feed(part(0, 4));
  for (size_t t = 4; t < 14; ++t) {
    session.feed(part(t, t + 1));
    straight.feed(part(t, t + 1));
    ASSERT_EQ(logits(session), logits(straight)) << "token " << t;
  }
}

// Documents that share a row are strangers, across layers too: the second one reads as if it stood
// alone, and no value of the first leaks into it through a shared or mixed one.
TEST_P(CacheOf, PackedDocumentsDoNotLeakThroughLayers) {
  Stack stack(GetParam().config);
  constexpr int64_t kFirst = 4, kSecond = kTime - kFirst;
  std::vector<int32_t> tokens = stack.tokens(), first_key, alone;
  for (int64_t b = 0; b < kBatch; ++b) {
    for (int64_t t = 0; t < kTime; ++t) {
      first_key.push_back(t < kFirst ? 0 : static_cast<int32_t>(kFirst));
      if (t >= kFirst) alone.push_back(tokens[static_cast<size_t>(b * kTime + t)]);
    }
  }
  Runner logits = stack.runner(Mode::logits);
  logits.run(alone, kSecond);
  const Tensor want = logits.logits(kBatch * kSecond);
  const auto second = [&] {  // of every sequence
    logits.run(tokens, kTime, 0, first_key.data());
    const Tensor all = logits.logits(kBatch * kTime);
    Tensor out(DType::f64, want.shape());
    const int64_t vocab = stack.config.vocab;
    for (int64_t b = 0; b < kBatch; ++b) {
      std::copy_n(all.as<double>() + (b * kTime + kFirst) * vocab, kSecond * vocab,
                  out.as<double>() + b * kSecond * vocab);
    }
    return out;
  };
  const Tensor got = second();
  EXPECT_LT(difference(got, want), 1e-12);
  for (int64_t b = 0; b < kBatch; ++b) {
    for (int64_t t = 0; t < kFirst; ++t) {
      int32_t& id = tokens[static_cast<size_t>(b * kTime + t)];
      id = (id + 5) % 13;
    }
  }
  EXPECT_TRUE(same_bits(second().view(), got.view()));
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
