#include "infer/evaluate_task.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "data/tasks/task_batches.h"
#include "infer/session.h"
#include "model/config_toml.h"

namespace weft {
namespace {

Model tiny() {
  ModelConfig config = design_config("transformer");
  config.vocab = 24;
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

/// Sums over sequences, from a session that is fed token by token.
Score by_hand(const Model& model, const TaskSettings& task, const TaskOptions& options) {
  const int64_t length = task.length(16);
  const TaskStream stream(task, {24, length}, options.seed, TaskPurpose::test);
  std::vector<int32_t> tokens(static_cast<size_t>(length)), labels(tokens);
  std::vector<double> logits(24);
  Score sum;
  for (int64_t n = 0; n < options.sequences; ++n) {
    stream.fill(n, {tokens, labels});
    Session session(model, {.context = length, .runtime = {}});
    for (size_t t = 0; t < tokens.size(); ++t) {
      session.feed(std::span(tokens).subspan(t, 1));
      if (labels[t] < 0) continue;
      session.logits(0, logits);
      double total = 0;
      for (const double z : logits) total += std::exp(z);
      sum.loss += std::log(total) - logits[static_cast<size_t>(labels[t])];
      const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
      sum.accuracy += best == labels[t] ? 1 : 0;
      ++sum.labels;
    }
  }
  return {sum.loss / static_cast<double>(sum.labels),
          sum.accuracy / static_cast<double>(sum.labels), sum.labels};
}

TEST(EvaluateTask, IsTheAccuracyAndLossOfAGreedyReader) {
  const Model model = tiny();
  const TaskSettings short_ones = configure_task("induction", {{"symbols", int64_t{2}}});
  const std::vector<TaskSettings> tasks = {short_ones, short_ones.with("length", int64_t{40}),
                                           configure_task("mqar", {{"pairs", int64_t{3}}})};
  double shown = 0;
  TaskOptions options{.sequences = 20, .seed = 4, .runtime = {}};
  options.on_progress = [&](double share) { shown = share; };
  const std::vector<TaskScore> got = evaluate_task(model, tasks, options);
  ASSERT_EQ(got.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    const Score want = by_hand(model, tasks[i], options);
    EXPECT_EQ(got[i].task, tasks[i]);
    EXPECT_EQ(got[i].length, tasks[i].length(16));
    EXPECT_EQ(got[i].score.labels, want.labels);
    EXPECT_DOUBLE_EQ(got[i].score.accuracy, want.accuracy);
    EXPECT_NEAR(got[i].score.loss, want.loss, 1e-9);
    EXPECT_NEAR(got[i].perplexity, std::exp(want.loss), 1e-6);
  }
  EXPECT_GT(got[0].score.accuracy, 0);  // or the comparison above would say nothing
  EXPECT_DOUBLE_EQ(shown, 1);
}

TEST(EvaluateTask, MakesAGridAndLeavesOutWhatCannotBe) {
  const Model model = tiny();
  const TaskSettings task = configure_task("mqar", {{"pairs", int64_t{2}}});
  std::vector<std::string> left_out;
  EXPECT_EQ(task_grid(model, task, {}, {}, left_out), std::vector<TaskSettings>{task});
  const auto grid = task_grid(model, task, {2, 8}, {16, 32}, left_out);
  ASSERT_EQ(grid.size(), 3u);
  EXPECT_EQ(grid[0].args.integer("length"), 16);
  EXPECT_EQ(grid[2].args.integer("pairs"), 8);
  EXPECT_EQ(grid[2].args.integer("length"), 32);
  ASSERT_EQ(left_out.size(), 1u);
  EXPECT_NE(left_out[0].find("16 tokens with 8 pairs"), std::string::npos) << left_out[0];
  left_out.clear();
  EXPECT_THROW(task_grid(model, task, {5, 20}, {16}, left_out), Error);
  EXPECT_THROW(task_grid(model, configure_task("copy", {}), {5}, {}, left_out), Error);
}

TEST(EvaluateTask, RefusesNothingToDo) {
  EXPECT_THROW(evaluate_task(tiny(), {}, {.runtime = {}}), Error);
  EXPECT_THROW(evaluate_task(tiny(), {configure_task("copy", {})}, {.sequences = 0, .runtime = {}}),
               Error);
  EXPECT_THROW(
      evaluate_task(tiny(), {configure_task("mqar", {{"pairs", int64_t{9}}})}, {.runtime = {}}),
      Error);
}

}  // namespace
}  // namespace weft
