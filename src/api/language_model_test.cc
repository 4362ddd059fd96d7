#include <gtest/gtest.h>

#include <cmath>
#include <utility>

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

TEST(LanguageModel, GoesOnToTheSameBitsAsOneFit) {
  const std::string words = text();
  LanguageModel whole = LanguageModel::make("resformer", kTiny),
                parts = LanguageModel::make("resformer", kTiny);
  FitOptions options{.steps = 10, .batch = 4, .threads = 1};
  const double loss = whole.fit(words, options);
  options.schedule_steps = 10;
  options.on_step = [](int64_t step, double) { return step < 6; };  // ends after the sixth
  parts.fit(words, options);
  options.steps = 4;
  options.go_on = true;
  options.on_step = {};
  EXPECT_EQ(parts.fit(words, options), loss);
  EXPECT_EQ(parts.loss(words), whole.loss(words));
}

TEST(LanguageModel, SaysWhenItCannotGoOn) {
  LanguageModel model = LanguageModel::make("transformer", kTiny);
  FitOptions options{.steps = 2, .batch = 2, .threads = 1};
  options.go_on = true;
  EXPECT_THROW(model.fit(text(), options), Exception);
  options.go_on = false;
  options.schedule_steps = 1;
  EXPECT_THROW(model.fit(text(), options), Exception);
  options.schedule_steps = 0;
  options.keep_state = false;
  model.fit(text(), options);
  options.go_on = true;
  EXPECT_THROW(model.fit(text(), options), Exception);
}

TEST(LanguageModel, ScoresTextsShorterThanItsContext) {
  const LanguageModel model = LanguageModel::make("transformer", kTiny);
  EXPECT_TRUE(std::isfinite(model.loss("ab")));
  EXPECT_TRUE(std::isfinite(model.loss("a short text")));
  try {
    model.loss("a");
    ADD_FAILURE();
  } catch (const Exception& e) {
    EXPECT_NE(std::string(e.what()).find("two tokens or more"), std::string::npos) << e.what();
  }
}

TEST(LanguageModel, NamesWhatIsWrongAfterItWasMoved) {
  LanguageModel from = LanguageModel::make("transformer", kTiny);
  LanguageModel to = std::move(from);
  const auto refused = [](const char* call, auto&& f) {
    try {
      f();
      ADD_FAILURE() << call;
    } catch (const Exception& e) {
      EXPECT_EQ(e.fault(), Fault::usage);
      EXPECT_NE(std::string(e.what()).find(std::string("LanguageModel::") + call),
                std::string::npos)
          << e.what();
    }
  };
  refused("fit", [&] { from.fit("text"); });
  refused("loss", [&] { from.loss("text"); });
  refused("generate", [&] { from.generate("text"); });
  refused("save", [&] { from.save("/nowhere"); });
  refused("numbers", [&] { from.numbers(); });
  refused("explain", [&] { from.explain(); });
  refused("check", [&] { from.check(); });
  from = std::move(to);
  EXPECT_GT(from.numbers().parameters, 0);
}

}  // namespace
}  // namespace weft
