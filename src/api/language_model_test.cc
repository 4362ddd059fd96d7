#include <gtest/gtest.h>

#include <cmath>

#include "weft/weft.h"

namespace weft {
namespace {

const std::vector<std::string> kTiny = {"model.dim=32",      "model.layers=2", "model.heads=2",
                                        "model.head_dim=16", "model.ffn=48",   "model.context=32"};

std::string text() {
  std::string s;
  for (int i = 0; i < 100; ++i) s += "one two three four five. ";
  return s;
}

Fault fault_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Exception& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("expected"), std::string::npos);
    return error.fault();
  }
  ADD_FAILURE() << "nothing thrown";
  return Fault::runtime;
}

TEST(LanguageModel, LearnsInBothPrecisions) {
  for (const bool bf16 : {false, true}) {
    LanguageModel model = LanguageModel::make("stick-breaking", kTiny);
    const double before = model.loss(text());
    std::int64_t steps = 0;
    model.fit(text(), {.steps = 30, .lr = 1e-2, .bf16 = bf16, .on_step = [&](std::int64_t, double) {
                         ++steps;
                         return true;
                       }});
    EXPECT_EQ(steps, 30);
    EXPECT_LT(model.loss(text()), before - 1) << (bf16 ? "bf16" : "f32");
  }
}

TEST(LanguageModel, TrainingEndsWhenAsked) {
  LanguageModel model = LanguageModel::make("transformer", kTiny);
  std::int64_t last = 0;
  model.fit(text(), {.steps = 50, .on_step = [&](std::int64_t step, double) {
                       last = step;
                       return step < 3;
                     }});
  EXPECT_EQ(last, 3);
}

TEST(LanguageModel, SavesAndLoads) {
  const auto folder = std::filesystem::temp_directory_path() / "weft-api-test";
  const LanguageModel model = LanguageModel::make("resformer", kTiny, 9);
  model.save(folder);
  const LanguageModel again = LanguageModel::load(folder);
  EXPECT_EQ(again.loss(text()), model.loss(text()));
  const GenerateOptions ask{.tokens = 20, .seed = 4};
  EXPECT_EQ(again.generate("one", ask), model.generate("one", ask));
  std::filesystem::remove_all(folder);
}

TEST(LanguageModel, PiecesMakeTheText) {
  const LanguageModel model = LanguageModel::make("alibi", kTiny);
  std::string pieces;
  GenerateOptions ask{.tokens = 40};
  ask.on_text = [&](std::string_view piece) {
    pieces += piece;
    return true;
  };
  EXPECT_EQ(model.generate("one two", ask), pieces);
}

// What a model is trained on is kept with it: its loss does not see over a separator.
TEST(LanguageModel, DocumentsCanBeMasked) {
  std::vector<std::string> settings = kTiny;
  settings.push_back("data.mask_documents=true");
  const std::string a = text().substr(0, 9), b = text().substr(50, 12), nul(1, '\0');
  const auto sum = [](const LanguageModel& model, const std::string& text) {
    return model.loss(text) * static_cast<double>(text.size() - 1);
  };
  const auto apart = [&](const LanguageModel& model) {
    return sum(model, a + nul + b) - sum(model, a + nul) - sum(model, nul + b);
  };
  LanguageModel masked = LanguageModel::make("transformer", settings),
                open = LanguageModel::make("transformer", kTiny);
  for (LanguageModel* model : {&masked, &open}) {
    model->fit(text() + nul + text(), {.steps = 10, .lr = 1e-2});
  }
  EXPECT_NEAR(apart(masked), 0, 1e-4);
  EXPECT_GT(std::abs(apart(open)), 1e-2);
  const auto folder = std::filesystem::temp_directory_path() / "weft-masked-model";
  masked.save(folder);
  EXPECT_NEAR(apart(LanguageModel::load(folder)), 0, 1e-4);
  std::filesystem::remove_all(folder);
  const GenerateOptions greedy{.tokens = 8, .temperature = 0};
  EXPECT_EQ(masked.generate(a + nul + b, greedy), masked.generate(nul + b, greedy));
}

TEST(LanguageModel, KnowsItsNumbers) {
  const LanguageModel model = LanguageModel::make("svformer", kTiny);
  const ModelNumbers n = model.numbers();
  EXPECT_EQ(n.vocab, 256);
  EXPECT_EQ(n.context, 32);
  // Layer 1 owns no value projection, and the cache holds two keys and one value a token.
  const std::int64_t layer = 4 * 32 * 32 + 3 * 32 * 48 + 2 * 32;
  EXPECT_EQ(n.parameters, 2 * layer - 32 * 32 + 32 + 2 * 256 * 32);
  EXPECT_EQ(n.cache_bytes_per_token, 3 * 32 * 4);
  EXPECT_EQ(n.cache_bytes, 32 * 3 * 32 * 4);
  EXPECT_NE(model.explain().find("svformer"), std::string::npos);
}

TEST(LanguageModel, FailuresSayWhoseFaultItWas) {
  LanguageModel model = LanguageModel::make("transformer", kTiny);
  EXPECT_EQ(fault_of([] { LanguageModel::make("transfromer"); }), Fault::input);
  EXPECT_EQ(fault_of([] { LanguageModel::make("transformer", {"model.dim=0"}); }), Fault::config);
  EXPECT_EQ(fault_of([] { LanguageModel::make("transformer", {"nonsense"}); }), Fault::usage);
  EXPECT_EQ(fault_of([] { LanguageModel::load("/no/such/folder"); }), Fault::input);
  EXPECT_EQ(fault_of([&] { model.fit("short"); }), Fault::input);
  EXPECT_EQ(fault_of([&] { model.fit(text(), {.steps = 0}); }), Fault::usage);
  EXPECT_EQ(fault_of([&] { model.generate(""); }), Fault::usage);
  EXPECT_EQ(fault_of([&] { model.generate("x", {.temperature = -1}); }), Fault::usage);
  EXPECT_EQ(fault_of([&] { model.save("/proc/weft"); }), Fault::runtime);
}

}  // namespace
}  // namespace weft
