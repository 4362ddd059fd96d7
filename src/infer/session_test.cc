#include "infer/session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "infer/generate.h"
#include "infer/testing.h"

namespace weft {
namespace {

Model tiny(const std::string& design, DType type = DType::f32, int64_t window = 0) {
  ModelConfig config = tiny_config(design, 32);
  for (LayerConfig& layer : config.layer) layer.window = window;
  return tiny_model(config, type);
}

std::vector<int32_t> random_tokens(int64_t n) {
  return weft::random_tokens(n, "session_test");
}

struct Case {
  std::string design;
  DType type;
  int64_t window;
};
void PrintTo(const Case& c, std::ostream* out) {
  *out << c.design << " " << name_of(c.type) << " window " << c.window;
}

class SessionOf : public testing::TestWithParam<Case> {
 protected:
  Model model_ = tiny(GetParam().design, GetParam().type, GetParam().window);
  double limit_ = GetParam().type == DType::bf16  ? 2e-2
                  : GetParam().type == DType::f64 ? 1e-12
                                                  : 1e-5;
};

TEST_P(SessionOf, PortionsDoNotMatter) {
  const std::vector<int32_t> tokens = random_tokens(29);
  Session whole(model_, {.context = 29, .runtime = {}});
  whole.feed(tokens);
  Session chunked(model_, {.context = 29, .chunk = 5, .runtime = {}});
  chunked.feed(tokens);
  expect_close(logits_of(chunked), logits_of(whole), limit_);
  Session single(model_, {.context = 40, .chunk = 1, .runtime = {}});
  for (const int32_t& token : tokens) single.feed({&token, 1});
  expect_close(logits_of(single), logits_of(whole), limit_);
}

TEST_P(SessionOf, CacheIsWhatThePlanSays) {
  for (const int64_t batch : {1, 3}) {
    const Session session(model_, {.batch = batch, .context = 19, .runtime = {}});
    const int64_t plan =
        model_.layout.cache.bytes(model_.config.head_dim, size_of(compute_dtype(model_)), 19);
    EXPECT_EQ(session.cache_bytes(), batch * plan);
  }
}

TEST_P(SessionOf, CopiesGoTheirOwnWays) {
  const std::vector<int32_t> tokens = random_tokens(12);
  Session a(model_, {.context = 24, .runtime = {}});
  a.feed(tokens);
  Session b = a.copy();
  EXPECT_EQ(logits_of(b), logits_of(a));
  const int32_t one = 1, two = 2;
  a.feed({&one, 1});
  b.feed({&two, 1});
  EXPECT_NE(logits_of(a), logits_of(b));
  Session c(model_, {.context = 24, .runtime = {}});
  c.feed(tokens);
  c.feed({&two, 1});
  EXPECT_EQ(logits_of(b), logits_of(c));
}

TEST_P(SessionOf, SequencesOfABatchAreIndependent) {
  std::vector<int32_t> tokens = random_tokens(3 * 7);
  Session batch(model_, {.batch = 3, .context = 7, .chunk = 4, .runtime = {}});
  batch.feed(tokens);
  for (int64_t b = 0; b < 3; ++b) {
    Session alone(model_, {.context = 7, .runtime = {}});
    alone.feed(std::span(tokens).subspan(static_cast<size_t>(7 * b), 7));
    expect_close(logits_of(batch, b), logits_of(alone), limit_);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Designs, SessionOf,
    testing::Values(Case{"transformer", DType::f64, 0}, Case{"transformer", DType::f32, 6},
                    Case{"gqa", DType::f32, 0}, Case{"resformer", DType::f32, 0},
                    Case{"svformer", DType::f32, 5}, Case{"sla", DType::f32, 0},
                    Case{"skipv1", DType::f32, 0}, Case{"alibi", DType::f32, 0},
                    Case{"stick-breaking", DType::f32, 0}, Case{"stick-breaking", DType::f32, 6},
                    Case{"resformer", DType::bf16, 0}));

class Int8Session : public testing::TestWithParam<Case> {};

TEST_P(Int8Session, ComputesWithTheDequantisedWeights) {
  const Case& c = GetParam();
  ModelConfig config = tiny_config(c.design, 32);
  config.tie_embeddings = c.window == 0;
  for (LayerConfig& layer : config.layer) layer.window = c.window;
  Model model = tiny_model(config, c.type);
  const size_t before = model.parameters.bytes();
  model.parameters.quantise(config.tie_embeddings);
  EXPECT_LT(model.parameters.bytes(), before);
  EXPECT_EQ(compute_dtype(model), c.type);
  const Model plain = dequantised(model);
  // bf16 programs round activations that the f32 one does not.
  const double limit = c.type == DType::bf16 ? 3e-2 : 1e-5;
  const std::vector<int32_t> tokens = random_tokens(29);
  Session want(plain, {.context = 29, .runtime = {}});
  want.feed(tokens);
  for (const int64_t chunk : {1, 7, 29}) {  // a matrix by a vector, a panel, two of them
    Session session(model, {.context = 29, .chunk = chunk, .runtime = Runtime::best()});
    session.feed(tokens);
    expect_close(logits_of(session), logits_of(want), limit);
  }
  Session many(model, {.batch = 3, .context = 24, .runtime = {}});  // 72 rows: through oneDNN
  std::vector<int32_t> three;
  for (int i = 0; i < 3; ++i) three.insert(three.end(), tokens.begin(), tokens.begin() + 24);
  many.feed(three);
  Session one(plain, {.context = 24, .runtime = {}});
  one.feed(std::span(tokens).first(24));
  for (int64_t b = 0; b < 3; ++b) expect_close(logits_of(many, b), logits_of(one), limit);
}

INSTANTIATE_TEST_SUITE_P(Designs, Int8Session,
                         testing::Values(Case{"transformer", DType::f32, 0},
                                         Case{"transformer", DType::bf16, 0},
                                         Case{"gqa", DType::f32, 6},
                                         Case{"svformer", DType::f32, 0},
                                         Case{"sla", DType::f32, 5}));

TEST(Int8, OfTheWeightsThereIsNoWayBack) {
  Model model = tiny("transformer");
  model.parameters.quantise(false);
  EXPECT_THROW(model.parameters.quantise(false), Error);
  EXPECT_THROW(save_model("nowhere", model), Error);
  Model broken = tiny("transformer");
  const int up = broken.parameters.find("model.layers.1.mlp.up_proj.weight");
  broken.parameters.master(up).as<float>()[3] = std::numeric_limits<float>::infinity();
  EXPECT_THROW(broken.parameters.quantise(false), Error);
}

TEST(Session, TruncateGoesBack) {
  const Model model = tiny("resformer");
  const std::vector<int32_t> tokens = random_tokens(20);
  Session session(model, {.context = 20, .runtime = {}});
  session.feed(tokens);
  const std::vector<double> want = logits_of(session);
  session.truncate(11);
  EXPECT_EQ(session.length(), 11);
  EXPECT_THROW(logits_of(session), Error);
  session.feed(std::span(tokens).subspan(11));
  expect_close(logits_of(session), want, 1e-5);
  EXPECT_THROW(session.truncate(21), Error);
  EXPECT_THROW(session.truncate(-1), Error);
}

TEST(Session, TruncateIsRefusedWhereARingHasForgotten) {
  const Model model = tiny("transformer", DType::f32, 6);
  Session session(model, {.context = 20, .runtime = {}});
  session.feed(random_tokens(6));
  session.truncate(3);  // the ring has not gone round yet
  session.feed(random_tokens(9));
  EXPECT_THROW(session.truncate(11), Error);
  session.truncate(12);
  session.truncate(0);
  EXPECT_EQ(session.length(), 0);
}

TEST(Session, RefusesWhatDoesNotFit) {
  const Model model = tiny("transformer");
  EXPECT_THROW(Session(model, {.batch = 0, .runtime = {}}), Error);
  EXPECT_THROW(Session(model, {.context = -1, .runtime = {}}), Error);
  EXPECT_THROW(Session(model, {.chunk = 0, .runtime = {}}), Error);
  Session session(model, {.context = 8, .runtime = {}});
  EXPECT_THROW(session.feed({}), Error);
  EXPECT_THROW(session.feed(random_tokens(9)), Error);
  EXPECT_THROW(session.feed(std::vector<int32_t>{1, 37}), Error);
  EXPECT_THROW(session.feed(std::vector<int32_t>{-1}), Error);
  EXPECT_EQ(session.length(), 0);
  session.feed(random_tokens(8));
  EXPECT_THROW(session.feed(random_tokens(1)), Error);
}

TEST(Generate, IsAFunctionOfTheSeed) {
  const Model model = tiny("resformer");
  const auto run = [&](uint64_t seed, int threads) {
    Session session(model, {.context = 30, .runtime = {.threads = threads}});
    return generate(session, random_tokens(5), 20, {.seed = seed});
  };
  EXPECT_EQ(run(1, 1), run(1, 1));
  EXPECT_EQ(run(1, 1), run(1, 2));
  EXPECT_NE(run(1, 1), run(2, 1));
}

TEST(Generate, GreedyFollowsTheLogits) {
  const Model model = tiny("stick-breaking");
  const std::vector<int32_t> prompt = random_tokens(5);
  Session session(model, {.context = 14, .runtime = {}});
  const std::vector<int32_t> got = generate(session, prompt, 10, {.temperature = 0});
  std::vector<int32_t> text = prompt;
  for (const int32_t token : got) {
    Session fresh(model, {.context = 14, .runtime = {}});
    fresh.feed(text);
    const std::vector<double> logits = logits_of(fresh);
    const auto best = std::max_element(logits.begin(), logits.end());
    EXPECT_EQ(token, static_cast<int32_t>(best - logits.begin()));
    text.push_back(token);
  }
}

TEST(Generate, StopsWhenAsked) {
  const Model model = tiny("transformer");
  Session session(model, {.context = 30, .runtime = {}});
  int seen = 0;
  EXPECT_EQ(generate(session, random_tokens(4), 20, {}, [&](int32_t) { return ++seen < 3; }).size(),
            3u);
}

// A model of documents that do not see each other continues the last one of a prompt, also where it
// draws a separator itself.
TEST(Generate, DoesNotLookBackOverASeparator) {
  for (const char* design : {"transformer", "stick-breaking", "linear"}) {
    Model model = tiny(design, DType::f64);
    const std::vector<int32_t> document = {9, 5, 11, 3};
    std::vector<int32_t> prompt = random_tokens(7);
    std::erase(prompt, 9);
    prompt.insert(prompt.end(), document.begin(), document.end());
    const auto first = [&](const std::vector<int32_t>& from) {
      Session session(model, {.context = 40, .runtime = {}});
      feed_text(session, from);
      return logits_of(session);
    };
    const std::vector<double> alone = first(document);
    EXPECT_NE(first(prompt), alone) << design;
    model.config.document_separator = 9;
    EXPECT_EQ(first(prompt), alone) << design;
  }
}

TEST(Generate, ASeparatorThatIsDrawnBeginsADocument) {
  Model model = tiny("transformer", DType::f64);
  const auto greedy = [&](const std::vector<int32_t>& from, int64_t count) {
    Session session(model, {.context = 40, .runtime = {}});
    return generate(session, from, count, {.temperature = 0});
  };
  int checked = 0;
  for (int32_t id = 0; id < 37; ++id) {
    model.config.document_separator = -1;
    const std::vector<int32_t> prompt = {id, (id + 5) % 37, (id + 11) % 37};
    const int32_t drawn = greedy(prompt, 1).front();
    if (std::find(prompt.begin(), prompt.end(), drawn) != prompt.end()) continue;
    const std::vector<int32_t> open = greedy(prompt, 4);
    model.config.document_separator = drawn;
    const std::vector<int32_t> masked = greedy(prompt, 4);
    std::vector<int32_t> want = {drawn};
    for (const int32_t token : greedy({drawn}, 3)) want.push_back(token);
    EXPECT_EQ(masked, want);
    checked += masked != open ? 1 : 0;
  }
  EXPECT_GT(checked, 0);  // or nothing was told apart
}

TEST(Generate, RefusesAnEmptyPromptAndTooMuch) {
  const Model model = tiny("transformer");
  Session session(model, {.context = 10, .runtime = {}});
  EXPECT_THROW(generate(session, {}, 3, {}), Error);
  EXPECT_THROW(generate(session, random_tokens(8), 4, {}), Error);
  EXPECT_EQ(generate(session, random_tokens(8), 3, {}).size(), 3u);
}

TEST(Extrapolation, WarnsWherePositionsDoNot) {
  EXPECT_EQ(extrapolation_warning(tiny("transformer").config, 32), "");
  EXPECT_NE(extrapolation_warning(tiny("transformer").config, 33), "");
  EXPECT_EQ(extrapolation_warning(tiny("alibi").config, 33), "");
  EXPECT_EQ(extrapolation_warning(tiny("stick-breaking").config, 33), "");
}

}  // namespace
}  // namespace weft
