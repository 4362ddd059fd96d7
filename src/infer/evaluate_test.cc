#include "infer/evaluate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>

#include "base/error.h"
#include "infer/session.h"
#include "model/config_toml.h"

namespace weft {
namespace {

Model tiny(DType type = DType::f64) {
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
  return make_model(config, 5, type);
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

/// The mean over the labels [first, last), each seen from `begin` of its own.
double mean_loss(const Model& model, const std::vector<int32_t>& tokens, int64_t first,
                 int64_t last, const std::function<int64_t(int64_t target)>& begin) {
  double sum = 0;
  for (int64_t t = first; t < last; ++t) sum += token_loss(model, tokens, begin(t), t);
  return sum / static_cast<double>(last - first);
}

std::vector<int32_t> tokens_of(const Corpus& corpus) {
  std::vector<int32_t> tokens(static_cast<size_t>(corpus.size()));
  corpus.read(0, tokens);
  return tokens;
}

TEST(Evaluate, ScoresEveryTokenThatHasAPredecessor) {
  const Model model = tiny();
  for (const size_t size : {2, 9, 10, 11, 12, 38}) {
    const Corpus corpus = Corpus::of_text(text().substr(0, size), ByteTokenizer());
    const std::vector<int32_t> tokens = tokens_of(corpus);
    const int64_t lengths[] = {10}, n = corpus.size();
    const auto got = evaluate(model, corpus, {0, n}, lengths, {.batch = 3, .runtime = {}});
    const double want = mean_loss(model, tokens, 1, n, [](int64_t t) { return (t - 1) / 10 * 10; });
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].targets, n - 1);
    EXPECT_NEAR(got[0].loss, want, 1e-9);
    EXPECT_NEAR(got[0].bits_per_byte, want / std::numbers::ln2, 1e-9);
    EXPECT_NEAR(got[0].perplexity, std::exp(want), 1e-6);
  }
}

TEST(Evaluate, AStrideGivesEachTokenMoreContext) {
  const Model model = tiny();
  const Corpus corpus = Corpus::of_text(text().substr(0, 38), ByteTokenizer());
  const int64_t lengths[] = {10};
  const auto got = evaluate(model, corpus, {0, 38}, lengths, {.stride = 4, .runtime = {}});
  const double want = mean_loss(model, tokens_of(corpus), 1, 38, [](int64_t t) {
    return t <= 10 ? 0 : (t - 11) / 4 * 4 + 4;  // labels 11 to 14 are of the window from 4 on
  });
  EXPECT_EQ(got[0].targets, 37);
  EXPECT_NEAR(got[0].loss, want, 1e-9);
}

TEST(Evaluate, AScoreIsOfTheSameTokensAtEveryLength) {
  const Model model = tiny();
  const Corpus corpus = Corpus::of_text(text().substr(0, 60), ByteTokenizer());
  const std::vector<int32_t> tokens = tokens_of(corpus);
  const int64_t lengths[] = {8, 16, 24};
  const auto got = evaluate(model, corpus, {0, 60}, lengths, {.score = 3, .runtime = {}});
  for (size_t i = 0; i < 3; ++i) {
    const double want = mean_loss(model, tokens, 22, 60, [&](int64_t t) {
      return 25 + (t - 22) / 3 * 3 - 1 - lengths[i];  // the window ends at the block's last label
    });
    EXPECT_EQ(got[i].targets, 38);
    EXPECT_NEAR(got[i].loss, want, 1e-9) << lengths[i];
  }
}

TEST(Evaluate, ALengthDoesNotDependOnTheOthers) {
  const Model model = tiny();
  const Corpus corpus = Corpus::of_text(text(), ByteTokenizer());
  const int64_t lengths[] = {8, 16, 64, 16};
  const auto got = evaluate(model, corpus, {0, corpus.size()}, lengths, {.runtime = {}});
  ASSERT_EQ(got.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    const auto alone = evaluate(model, corpus, {0, corpus.size()}, std::span(lengths).subspan(i, 1),
                                {.runtime = {}});
    EXPECT_EQ(got[i].length, lengths[i]);
    EXPECT_EQ(got[i].targets, corpus.size() - 1);
    EXPECT_EQ(got[i].loss, alone[0].loss);
  }
}

TEST(Evaluate, BatchesAndThreadsDoNotChangeABit) {
  const Corpus corpus = Corpus::of_text(text(), ByteTokenizer());
  const int64_t lengths[] = {16};
  for (const DType type : {DType::f64, DType::f32}) {
    const Model model = tiny(type);
    const auto run = [&](int64_t batch, int threads) {
      Runtime runtime = Runtime::best();
      runtime.threads = threads;
      return evaluate(model, corpus, {0, corpus.size()}, lengths,
                      {.batch = batch, .runtime = runtime})
          .front()
          .loss;
    };
    for (const int64_t batch : {1, 7, 64}) {
      EXPECT_EQ(run(4, 1), run(batch, 2)) << name_of(type) << " " << batch;
    }
  }
}

// Tokens of three bytes and of one: the bytes that count are those of what was scored.
class WideTokenizer final : public Tokenizer {
 public:
  std::string_view name() const override { return "wide"; }
  int64_t vocab() const override { return 256; }
  int32_t separator() const override { return 0; }
  bool tokens_are_bytes() const override { return false; }
  std::vector<int32_t> encode(std::string_view text) const override {
    std::vector<int32_t> tokens;
    for (size_t i = 0; i < text.size(); i += text[i] == 'w' ? 3 : 1) {
      tokens.push_back(static_cast<unsigned char>(text[i]));
    }
    return tokens;
  }
  std::string decode(std::span<const int32_t> tokens) const override {
    std::string text;
    for (const int32_t id : tokens)
      text += id == 'w' ? "www" : std::string(1, static_cast<char>(id));
    return text;
  }
};

TEST(Evaluate, BitsAreOfTheBytesThatWereScored) {
  const Corpus corpus = Corpus::of_text("wwwabwwwcd", WideTokenizer());  // w a b w c d
  ASSERT_EQ(corpus.size(), 6);
  const int64_t lengths[] = {16};
  const auto bits = [&](int64_t most) {
    const auto got = evaluate(tiny(), corpus, {0, 6}, lengths, {.max_tokens = most, .runtime = {}});
    return got[0].bits_per_byte / (got[0].loss * static_cast<double>(got[0].targets));
  };
  EXPECT_NEAR(bits(0), 1 / (7 * std::numbers::ln2), 1e-12);
  EXPECT_NEAR(bits(2), 1 / (2 * std::numbers::ln2), 1e-12);
}

TEST(Evaluate, SeveralTextsAreSumsDividedOnce) {
  const Model model = tiny();
  std::vector<Corpus> texts;
  texts.push_back(Corpus::of_text(text().substr(0, 38), ByteTokenizer()));
  texts.push_back(Corpus::of_text(text().substr(100, 5), ByteTokenizer()));
  const int64_t lengths[] = {10, 4};
  const TextLosses got = evaluate_texts(model, texts, lengths, {.runtime = {}});
  ASSERT_EQ(got.each.size(), 2u);
  for (size_t l = 0; l < 2; ++l) {
    for (size_t t = 0; t < 2; ++t) {
      const auto alone = evaluate(model, texts[t], {0, texts[t].size()},
                                  std::span(lengths).subspan(l, 1), {.runtime = {}});
      EXPECT_EQ(got.each[t][l].loss, alone[0].loss);
    }
    EXPECT_EQ(got.whole[l].targets, 37 + 4);
    EXPECT_NEAR(got.whole[l].loss, (37 * got.each[0][l].loss + 4 * got.each[1][l].loss) / 41,
                1e-12);
  }
}

// Two documents in one text are as two texts, but for the label that is the separator.
TEST(Evaluate, AMaskKeepsDocumentsApart) {
  Model model = tiny();
  const std::string a = text().substr(0, 7), b = text().substr(100, 9);
  const Corpus both = Corpus::of_text(a + '\0' + b, ByteTokenizer()),
               one = Corpus::of_text(a + '\0', ByteTokenizer()),
               other = Corpus::of_text('\0' + b, ByteTokenizer());
  const int64_t lengths[] = {32};
  const auto loss = [&](const Corpus& text) {
    const auto got = evaluate(model, text, {0, text.size()}, lengths, {.runtime = {}});
    return got[0].loss * static_cast<double>(got[0].targets);
  };
  EXPECT_GT(std::abs(loss(both) - loss(one) - loss(other)), 1e-3);
  model.config.document_separator = 0;
  EXPECT_NEAR(loss(both), loss(one) + loss(other), 1e-9);
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
  EXPECT_EQ(run({4}).front().targets, 4);
  EXPECT_EQ(run({500}).front().targets, 4);
  const Corpus letter = Corpus::of_text("s", ByteTokenizer());
  const int64_t lengths[] = {4, 8};
  EXPECT_THROW(evaluate(tiny(), letter, {0, 1}, lengths, {.runtime = {}}), Error);
  for (const EvaluateOptions& options :
       {EvaluateOptions{.stride = 5, .runtime = {}}, EvaluateOptions{.score = 5, .runtime = {}},
        EvaluateOptions{.stride = 2, .score = 2, .runtime = {}}}) {
    EXPECT_THROW(evaluate(tiny(), corpus, {0, corpus.size()}, lengths, options), Error);
  }
}

}  // namespace
}  // namespace weft
