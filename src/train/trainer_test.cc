#include "train/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <memory>

#include "base/compare.h"
#include "train/testing.h"

namespace weft {
namespace {

using io::expect_error;
using io::ScratchFolder;
using testing::periodic_text;
using testing::tiny_run;

// Text, model and trainer of one configuration.
struct Bench {
  ScratchFolder folder;
  ByteTokenizer tokenizer;
  RunConfig config;
  Corpus corpus;
  Model model;
  Trainer trainer;
  TrainWindows windows;

  static Corpus open(const ScratchFolder& folder, const Tokenizer& tokenizer) {
    const std::vector<io::Path> paths{folder.put("text", periodic_text())};
    return Corpus::open(paths, tokenizer);
  }
  explicit Bench(std::initializer_list<std::string_view> overrides, int threads = 2)
      : config(tiny_run("text", overrides)),
        corpus(open(folder, tokenizer)),
        model(make_model(config.model, config.train.seed, DType::f32,
                         Trainer::weight_copies(config.train.precision))),
        trainer(model, options(threads)),
        windows(corpus, {0, corpus.size()},
                {config.train.seed, config.train.batch, config.train.accumulate,
                 config.model.context}) {}

  Trainer::Options options(int threads) const {
    Trainer::Options o;
    o.train = config.train;
    o.runtime.threads = threads;
    return o;
  }
  StepResult steps(int64_t count) {
    StepResult r;
    for (int64_t s = 1; s <= count; ++s) r = trainer.step(s, windows);
    return r;
  }
};

// Nats per byte of the best guess that looks at nothing but how frequent each byte is.
double entropy_of_bytes(const std::string& text) {
  std::map<char, double> counts;
  for (const char c : text) counts[c] += 1;
  double entropy = 0;
  for (const auto& [c, n] : counts) {
    const double share = n / static_cast<double>(text.size());
    entropy -= share * std::log(share);
  }
  return entropy;
}

TEST(Trainer, EveryDesignLearnsToUseTheContext) {
  const double without_context = entropy_of_bytes(periodic_text());
  for (const std::string design : {"transformer", "resformer", "svformer", "stick-breaking"}) {
    for (const std::string precision : {"f32", "bf16"}) {
      Bench bench({"model.design=" + design, "train.precision=" + precision, "train.steps=60"});
      EXPECT_NEAR(bench.steps(1).loss, std::log(256), 0.3) << design << " " << precision;
      StepResult last;
      for (int64_t s = 2; s <= 60; ++s) last = bench.trainer.step(s, bench.windows);
      EXPECT_LT(last.loss, 0.8 * without_context) << design << " " << precision;
    }
  }
}

TEST(Trainer, ThreadsDoNotChangeABit) {
  for (const std::string precision : {"f32", "bf16"}) {
    const std::string setting = "train.precision=" + precision;
    Bench one({setting}, 1), three({setting}, 3);
    const StepResult a = one.steps(5), b = three.steps(5);
    EXPECT_EQ(a.loss, b.loss);
    EXPECT_EQ(a.grad_norm, b.grad_norm);
    for (int p = 0; p < one.model.parameters.count(); ++p) {
      EXPECT_TRUE(same_bits(one.model.parameters.master(p), three.model.parameters.master(p)))
          << precision << " " << one.model.parameters.spec(p).name;
    }
  }
}

TEST(Trainer, RecomputationDoesNotChangeABit) {
  Bench plain({}), again({"train.recompute=true"});
  EXPECT_EQ(plain.steps(3).loss, again.steps(3).loss);
  for (int p = 0; p < plain.model.parameters.count(); ++p) {
    EXPECT_TRUE(same_bits(plain.model.parameters.master(p), again.model.parameters.master(p)));
  }
}

// One batch of four windows is two batches of two, up to the order of sums.
TEST(Trainer, AccumulationIsALargerBatch) {
  Bench whole({"train.batch=4"}), halves({"train.batch=2", "train.accumulate=2"});
  ASSERT_EQ(whole.windows.start(0, 0, 3), halves.windows.start(0, 1, 1));
  const StepResult a = whole.steps(1), b = halves.steps(1);
  EXPECT_NEAR(a.loss, b.loss, 1e-6);
  EXPECT_NEAR(a.grad_norm, b.grad_norm, 1e-5 * a.grad_norm);
  EXPECT_NEAR(whole.steps(5).loss, halves.steps(5).loss, 1e-3);
}

TEST(Trainer, DocumentsCanBeMasked) {
  Bench open({}), masked({"data.mask_documents=true"});
  // No separator in the text: nothing to mask.
  EXPECT_EQ(open.steps(2).loss, masked.steps(2).loss);
}

TEST(Trainer, EvaluationIsTheLossOfEveryLabel) {
  Bench bench({});
  bench.steps(20);
  const auto loss = [&](Split split) {
    const Score score =
        bench.trainer.evaluate(EvalWindows(bench.corpus, split, {.length = 32, .width = 32}));
    EXPECT_EQ(score.labels, split.size() - 1);
    return score.loss * static_cast<double>(score.labels);
  };
  double sum = 0;  // 12 windows and a part in batches of 4, and one by one
  for (int64_t w = 0; w < 12; ++w) sum += loss({32 * w, 32 * (w + 1) + 1});
  sum += loss({32 * 12, 32 * 12 + 9});
  EXPECT_NEAR(loss({0, 32 * 12 + 9}) / sum, 1, 1e-12);
}

TEST(Trainer, EvaluationDoesNotDependOnTheBatch) {
  double first = 0;
  for (const char* batch : {"train.batch=1", "train.batch=4", "train.batch=7"}) {
    Bench bench({batch});
    const EvalWindows windows(bench.corpus, {0, 1000}, {.length = 32, .width = 32});
    const double loss = bench.trainer.evaluate(windows).loss;
    if (first == 0) first = loss;
    EXPECT_EQ(loss, first) << batch;
  }
}

TEST(Trainer, StopsAtWhatIsNotFiniteAndNamesTheOp) {
  Bench bench({});
  bench.steps(2);
  const int p = bench.model.parameters.find("model.layers.1.mlp.up_proj.weight");
  ASSERT_GE(p, 0);
  bench.model.parameters.master(p).as<float>()[5] = std::numeric_limits<float>::quiet_NaN();
  const Tensor before = convert(bench.model.parameters.master(0), DType::f32);
  expect_error(ErrorCode::runtime, "step 3", [&] { bench.trainer.step(3, bench.windows); });
  expect_error(ErrorCode::runtime, "layers.1.mlp.up_proj",
               [&] { bench.trainer.step(3, bench.windows); });
  EXPECT_TRUE(same_bits(bench.model.parameters.master(0), before.view()));
  const EvalWindows windows(bench.corpus, {0, 100}, {.length = 32});
  expect_error(ErrorCode::runtime, "layers.1.mlp.up_proj",
               [&] { bench.trainer.evaluate(windows); });
}

TEST(Trainer, StopsWhenARateWithoutBoundsBlowsUp) {
  Bench bench({"train.lr=1e30", "train.warmup=0"});
  expect_error(ErrorCode::runtime, "first non-finite value in", [&] { bench.steps(10); });
}

// Programs that take turns in one arena do not disturb each other, nor does measuring there.
TEST(Trainer, OtherWorkInTheArenaDoesNotChangeABit) {
  Bench plain({}), busy({});
  const EvalWindows windows(busy.corpus, {0, 100}, {.length = 32});
  EXPECT_GT(busy.trainer.measure_peak(0.01), 0);
  const double loss = plain.trainer.evaluate(windows).loss;
  EXPECT_EQ(busy.trainer.evaluate(windows).loss, loss);
  for (int64_t s = 1; s <= 3; ++s) {
    EXPECT_EQ(plain.trainer.step(s, plain.windows).loss, busy.trainer.step(s, busy.windows).loss);
    busy.trainer.evaluate(windows);
    busy.trainer.measure_peak(0.01);
  }
  EXPECT_EQ(plain.trainer.evaluate(windows).loss, busy.trainer.evaluate(windows).loss);
}

TEST(Trainer, PlansTheCopiesOfWeights) {
  for (const std::string precision : {"f32", "bf16"}) {
    Bench bench({"train.precision=" + precision});
    EXPECT_EQ(bench.trainer.memory().parameters,
              static_cast<double>(bench.model.parameters.bytes()));
  }
}

TEST(Trainer, PlansItsMemory) {
  Bench bench({});
  const MemoryPlan& plan = bench.trainer.memory();
  const auto elements = static_cast<double>(bench.model.parameters.elements());
  EXPECT_EQ(plan.parameters, 4 * elements);
  EXPECT_EQ(plan.gradients, 4 * elements);
  EXPECT_EQ(plan.optimizer, static_cast<double>(bench.trainer.optimizer().bytes()));
  const MemoryPlan least = least_memory(bench.config.model, bench.config.train);
  EXPECT_LE(least.parameters, plan.parameters);
  EXPECT_LE(least.gradients, plan.gradients);
  EXPECT_LE(least.optimizer, plan.optimizer);
  EXPECT_LE(least.activations, plan.activations);
  EXPECT_LE(least.batches, plan.batches);
  Trainer::Options options = bench.options(2);
  options.usable_memory = 0.9 * plan.total();
  expect_error(ErrorCode::config, "train.batch", [&] { Trainer(bench.model, options); });
}

}  // namespace
}  // namespace weft
