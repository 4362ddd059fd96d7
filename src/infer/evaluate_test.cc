#include "infer/evaluate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "base/error.h"
#include "infer/session.h"
#include "model/config_toml.h"

namespace weft {
namespace {

Model tiny() {
  ModelConfig config = design_config("resformer");
  config.dim = 16;
  config.layers = 2;
  config.heads = 2;
  config.head_dim = 8;
  config.ffn = 24;
  config.context = 16;
  LayerConfig layer = config.layer.front();
  layer.kv_heads = 2;
  config.layer.assign(2, layer);
  return make_model(config, 5, DType::f64);
}

std::string text() {
  std::string s;
  for (int i = 0; i < 30; ++i) s += "it was a dark and stormy night " + std::to_string(i * i);
  return s;
}

/// Loss of the token at `target`, from a session that is fed the window before it.
double token_loss(const Model& model, const std::vector<int32_t>& tokens, int64_t begin,
                  int64_t target) {
  Session session(model, {.context = target - begin, .runtime = {}});
  session.feed(
      std::span(tokens).subspan(static_cast<size_t>(begin), static_cast<size_t>(target - begin)));
  std::vector<double> logits(256);
  session.logits(0, logits);
  double sum = 0;
  for (const double z : logits) sum += std::exp(z);
  return std::log(sum) - logits[static_cast<size_t>(tokens[static_cast<size_t>(target)])];
}

TEST(Evaluate, OneLengthScoresEveryTokenOfWindowsEndToEnd) {
  const Model model = tiny();
  const Corpus corpus = Corpus::of_text(text().substr(0, 41), ByteTokenizer());
  std::vector<int32_t> tokens(41);
  corpus.read(0, tokens);
  const int64_t lengths[] = {10};
  const auto got = evaluate(model, corpus, {0, 41}, lengths, {.batch = 3, .runtime = {}});
  double sum = 0;
  for (int64_t t = 1; t <= 40; ++t) sum += token_loss(model, tokens, (t - 1) / 10 * 10, t);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].targets, 40);
  EXPECT_NEAR(got[0].loss, sum / 40, 1e-9);
  EXPECT_NEAR(got[0].bits_per_byte, sum / 40 / std::numbers::ln2, 1e-9);
  EXPECT_NEAR(got[0].perplexity, std::exp(sum / 40), 1e-6);
}

TEST(Evaluate, SeveralLengthsScoreTheSameTokens) {
  const Model model = tiny();
  const Corpus corpus = Corpus::of_text(text(), ByteTokenizer());
  const int64_t lengths[] = {8, 16, 64};
  const auto got = evaluate(model, corpus, {0, corpus.size()}, lengths, {.runtime = {}});
  ASSERT_EQ(got.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(got[i].length, lengths[i]);
    EXPECT_EQ(got[i].targets, got[0].targets);
    EXPECT_TRUE(std::isfinite(got[i].loss));
  }
}

TEST(Evaluate, BatchesAndThreadsChangeNothing) {
  const Model model = tiny();
  const Corpus corpus = Corpus::of_text(text(), ByteTokenizer());
  const int64_t lengths[] = {16};
  const auto run = [&](int64_t batch, int threads) {
    return evaluate(model, corpus, {0, corpus.size()}, lengths,
                    {.batch = batch, .runtime = {.threads = threads}})
        .front()
        .loss;
  };
  EXPECT_EQ(run(4, 1), run(4, 2));
  EXPECT_NEAR(run(4, 1), run(7, 1), 1e-12);
}

TEST(Evaluate, ReportsProgressToTheEnd) {
  const Corpus corpus = Corpus::of_text(text(), ByteTokenizer());
  const int64_t lengths[] = {8, 16};
  double last = 0;
  EvaluateOptions options{.batch = 4, .runtime = {}};
  options.on_progress = [&](double share) {
    EXPECT_GT(share, last);
    last = share;
  };
  evaluate(tiny(), corpus, {0, corpus.size()}, lengths, options);
  EXPECT_DOUBLE_EQ(last, 1);
}

TEST(Evaluate, RefusesWhatCannotBeScored) {
  const Corpus corpus = Corpus::of_text("short", ByteTokenizer());
  const auto run = [&](std::vector<int64_t> lengths) {
    return evaluate(tiny(), corpus, {0, corpus.size()}, lengths, {.runtime = {}});
  };
  EXPECT_THROW(run({}), Error);
  EXPECT_THROW(run({0}), Error);
  EXPECT_THROW(run({5}), Error);
  EXPECT_EQ(run({4}).front().targets, 4);
}

}  // namespace
}  // namespace weft
