#include "train/profile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>

#include "base/compare.h"
#include "train/testing.h"
#include "train/trainer.h"

namespace weft {
namespace {

using testing::periodic_text;
using testing::tiny_run;

// Text, model and trainer of a tiny run that accumulates over two micro-batches.
struct Training {
  ByteTokenizer tokenizer;
  RunConfig config = tiny_run("text", {"train.accumulate=2"});
  Corpus corpus = Corpus::of_text(periodic_text(), tokenizer);
  Model model = make_model(config.model, 1, DType::f32, WeightCopies::master);
  Trainer trainer{model, options()};
  TrainWindows windows{corpus,
                       {0, corpus.size()},
                       {1, config.train.batch, config.train.accumulate, config.model.context}};

  Trainer::Options options() const {
    Trainer::Options o;
    o.train = config.train;
    return o;
  }
};

const ProfileRow* find(const StepProfile& profile, std::string_view name) {
  const auto& rows = profile.rows();
  const auto row =
      std::find_if(rows.begin(), rows.end(), [&](const ProfileRow& r) { return r.name == name; });
  return row == rows.end() ? nullptr : &*row;
}

TEST(StepProfile, CountsTheWorkOfOneStep) {
  Training t;
  StepProfile profile;
  for (int64_t step = 1; step <= 3; ++step) {
    profile.start_step();
    t.trainer.step(step, t.windows, &profile);
  }
  const ModelConfig& m = t.config.model;
  const std::string ffn = std::to_string(m.ffn) + "x" + std::to_string(m.dim);
  const ProfileRow* gate_and_up = find(profile, "linear " + ffn + " forward");
  ASSERT_NE(gate_and_up, nullptr);
  EXPECT_EQ(gate_and_up->calls, 2 * 2 * m.layers);  // two projections, two micro-batches
  const auto rows = static_cast<double>(t.config.train.batch * m.context);
  EXPECT_DOUBLE_EQ(gate_and_up->cost.flops,
                   2 * rows * static_cast<double>(m.dim * m.ffn) * gate_and_up->calls);
  ASSERT_NE(find(profile, "attention backward"), nullptr);
  const ProfileRow* optimizer = find(profile, "optimizer");
  ASSERT_NE(optimizer, nullptr);
  EXPECT_EQ(optimizer->calls, 1);
  const auto parameters = static_cast<double>(t.trainer.optimizer().bytes()) / 8;
  EXPECT_DOUBLE_EQ(optimizer->cost.bytes, 28 * parameters);  // w, m, v read and written; g read
  for (const ProfileRow& row : profile.rows()) EXPECT_EQ(row.seconds.size(), 3u) << row.name;
}

TEST(StepProfile, TimesAddUpToTheStep) {
  Training t;
  StepProfile profile;
  const auto start = std::chrono::steady_clock::now();
  profile.start_step();
  t.trainer.step(1, t.windows, &profile);
  const std::chrono::duration<double> whole = std::chrono::steady_clock::now() - start;
  double sum = 0;
  for (const ProfileRow& row : profile.rows()) {
    EXPECT_GE(row.seconds[0], 0) << row.name;
    sum += row.seconds[0];
  }
  EXPECT_GT(sum, 0);
  EXPECT_LE(sum, whole.count());
}

TEST(StepProfile, ChangesNoBit) {
  Training plain, observed;
  StepProfile profile;
  for (int64_t step = 1; step <= 3; ++step) {
    const StepResult a = plain.trainer.step(step, plain.windows);
    profile.start_step();
    const StepResult b = observed.trainer.step(step, observed.windows, &profile);
    EXPECT_EQ(a.loss, b.loss);
    EXPECT_EQ(a.grad_norm, b.grad_norm);
  }
  for (int p = 0; p < plain.model.parameters.count(); ++p) {
    EXPECT_TRUE(same_bits(plain.model.parameters.master(p), observed.model.parameters.master(p)));
  }
}

}  // namespace
}  // namespace weft
