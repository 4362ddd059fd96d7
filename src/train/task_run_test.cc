// Runs on generated sequences: what they write, that they resume to the same bits, what is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/compare.h"
#include "data/tasks/task_batches.h"
#include "data/tasks/task_file.h"
#include "io/json.h"
#include "model/model.h"
#include "train/run_data.h"
#include "train/testing.h"
#include "train/trainer.h"

namespace weft {
namespace {

namespace fs = std::filesystem;
using io::expect_error;
using io::ScratchFolder;
using testing::bytes_of;

using Overrides = std::initializer_list<std::string_view>;

RunConfig task_config(Overrides overrides = {}) {
  io::Value root = io::parse_toml(R"(
    [model]
    dim = 32
    head_dim = 16
    layers = 2
    heads = 2
    ffn = 48
    vocab = 32
    context = 24
    [data]
    task = "mqar"
    [data.task_args]
    pairs = 3
    validation = 10
    [train]
    steps = 8
    batch = 4
    warmup = 3
    log_every = 2
    eval_every = 4
    checkpoint_every = 3
  )",
                                  "task.toml");
  for (const std::string_view text : overrides) {
    const io::Override one = io::parse_override(text);
    io::set_path(root, one.path, one.value);
  }
  return read_run_config(root, "task.toml");
}

TrainRequest request(const fs::path& out, int threads, Overrides overrides = {}) {
  TrainRequest r{.config = task_config(overrides), .out = out};
  r.runtime.threads = threads;
  r.peak_gflops = 1;
  return r;
}

std::vector<nlohmann::json> metrics(const fs::path& run) {
  std::vector<nlohmann::json> lines;
  std::ifstream file(run / "metrics.jsonl");
  for (std::string line; std::getline(file, line);) lines.push_back(io::parse_json(line, "line"));
  return lines;
}

TEST(TaskRun, LogsTheAccuracyAndKeepsTheTask) {
  const ScratchFolder folder;
  const fs::path run = folder / "run";
  const TrainOutcome end = run_training(request(run, 2));
  const auto lines = metrics(run);
  ASSERT_EQ(lines.size(), 4u);
  for (size_t i = 0; i < lines.size(); ++i) {
    const bool evaluated = i % 2 == 1;
    EXPECT_EQ(lines[i]["val_loss"].is_null(), !evaluated);
    EXPECT_EQ(lines[i].contains("val_accuracy"), evaluated);
  }
  EXPECT_EQ(lines.back()["val_accuracy"], *end.val_accuracy);
  EXPECT_EQ(lines.back()["val_loss"], *end.val_loss);
  EXPECT_EQ(read_task(end.checkpoint / "task.json"), task_config().data.task);
  EXPECT_FALSE(fs::exists(end.checkpoint / "tokenizer.json"));
  const RunConfig stored = load_run_config((run / "config.toml").string());
  EXPECT_EQ(write_run_config(stored), write_run_config(task_config()));
  EXPECT_EQ(stored.data, task_config().data);
}

TEST(TaskRun, ResumesToTheSameBitsOnAnyNumberOfThreads) {
  const ScratchFolder folder;
  run_training(request(folder / "whole", 2));
  std::atomic<bool> stop{false};
  TrainRequest cut = request(folder / "cut", 1);
  cut.stop = &stop;
  cut.observer.on_step = [&](const StepReport& s) { stop = s.step >= 5; };
  EXPECT_TRUE(run_training(cut).stopped);
  TrainRequest rest = request(folder / "cut", 3);
  rest.resume = true;
  run_training(rest);
  for (const char* file :
       {"model.safetensors", "optimizer.safetensors", "state.json", "config.json", "task.json"}) {
    EXPECT_EQ(bytes_of(step_folder(folder / "cut", 8) / file),
              bytes_of(step_folder(folder / "whole", 8) / file))
        << file;
  }
  const auto a = metrics(folder / "cut"), b = metrics(folder / "whole");
  EXPECT_EQ(a.back()["val_loss"], b.back()["val_loss"]);
  EXPECT_EQ(a.back()["val_accuracy"], b.back()["val_accuracy"]);
}

TEST(TaskRun, MayNotChangeWhenResumed) {
  const ScratchFolder folder;
  run_training(request(folder / "run", 2));
  const auto resume = [&](Overrides overrides) {
    TrainRequest r = request(folder / "run", 2, overrides);
    r.resume = true;
    run_training(r);
  };
  expect_error(ErrorCode::config, "data.task_args.pairs",
               [&] { resume({"data.task_args.pairs=2"}); });
  expect_error(ErrorCode::config, "data.task", [&] {
    TrainRequest r = request(folder / "run", 2);
    r.resume = true;
    r.config.data.task = configure_task("copy", {});
    run_training(r);
  });
  EXPECT_NO_THROW(resume({"train.steps=9"}));
}

TEST(TaskRun, ZeroStepsAndNoValidationWork) {
  const ScratchFolder folder;
  EXPECT_EQ(run_training(request(folder / "fresh", 1, {"train.steps=0"})).step, 0);
  const TrainOutcome end =
      run_training(request(folder / "blind", 1, {"data.task_args.validation=0", "train.steps=2"}));
  EXPECT_FALSE(end.val_loss);
  EXPECT_FALSE(end.val_accuracy);
}

// 10 sequences in batches of 4: the last batch is filled up with rows that do not count.
TEST(TaskRun, EvaluationCountsEveryQueryOnce) {
  const RunConfig config = task_config();
  Model model = make_model(config.model, 0);
  Trainer::Options options;
  options.train = config.train;
  Trainer trainer(model, options);
  const TaskStream stream(config.data.task, {32, 24}, 0, TaskPurpose::validation);
  const Score all = trainer.evaluate(TaskSet(stream, 10, 24));
  EXPECT_EQ(all.labels, 30);
  double loss = 0, right = 0;
  Score last;
  for (int64_t n = 1; n <= 10; ++n) {
    const Score until = trainer.evaluate(TaskSet(stream, n, 24));
    const auto sum = [](const Score& s, double mean) {
      return mean * static_cast<double>(s.labels);
    };
    EXPECT_EQ(until.labels, 3 * n);
    EXPECT_GE(sum(until, until.accuracy), right - 1e-9);
    EXPECT_GT(sum(until, until.loss), loss);
    loss = sum(until, until.loss);
    right = sum(until, until.accuracy);
    last = until;
  }
  EXPECT_EQ(last.loss, all.loss);
  EXPECT_EQ(last.accuracy, all.accuracy);
}

/// One step of a model of `task` sequences of four tokens, of which some have more labels than
/// others and some none, in `accumulate` micro-batches.
struct Cut {
  RunConfig config;
  Model model;
  Trainer trainer;
  TaskBatches batches;

  Cut(int64_t batch, int64_t accumulate, uint64_t seed = 0)
      : config(of(batch, accumulate, seed)),
        model(make_model(config.model, 3)),
        trainer(model, {.train = config.train}),
        batches(TaskStream(config.data.task, {32, 4}, seed, TaskPurpose::train), batch, accumulate,
                24) {}
  static RunConfig of(int64_t batch, int64_t accumulate, uint64_t seed) {
    RunConfig c =
        task_config({"data.task=induction", "data.task_args={symbols=4, length=4}",
                     "train.optimizer=sgd", "train.lr=10", "train.clip=0", "train.warmup=0"});
    c.train.batch = batch;
    c.train.accumulate = accumulate;
    c.train.seed = seed;
    return c;
  }
  int64_t labels_of_row(int64_t row) const {
    std::vector<int32_t> tokens(24), labels(24);
    const TaskStream stream(config.data.task, {32, 4}, config.train.seed, TaskPurpose::train);
    stream.fill(row, {tokens, labels});
    return count_labels(labels);
  }
};

// However the sequences of a step are cut, they have one loss and one gradient.
TEST(TaskRun, MicroBatchesWithUnequalLabelsAreOneBatch) {
  Cut whole(16, 1);
  int64_t least = 4, most = 0;
  for (int64_t row = 0; row < 16; ++row) {
    least = std::min(least, whole.labels_of_row(row));
    most = std::max(most, whole.labels_of_row(row));
  }
  ASSERT_EQ(least, 0);  // or the test would say little
  ASSERT_GT(most, 1);
  const StepResult want = whole.trainer.step(1, whole.batches);
  for (const auto& [batch, accumulate] : {std::pair<int64_t, int64_t>{4, 4}, {1, 16}, {8, 2}}) {
    Cut cut(batch, accumulate);
    const StepResult got = cut.trainer.step(1, cut.batches);
    EXPECT_NEAR(got.loss, want.loss, 1e-6 * want.loss) << batch;
    EXPECT_NEAR(got.grad_norm, want.grad_norm, 1e-6 * want.grad_norm) << batch;
    for (int p = 0; p < whole.model.parameters.count(); ++p) {
      const Comparison same =
          compare(cut.model.parameters.master(p), whole.model.parameters.master(p));
      EXPECT_LT(same.error(), 1e-5) << same.fault << whole.model.parameters.spec(p).name;
    }
  }
}

TEST(TaskRun, AStepWithoutLabelsIsSaidAsSuch) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Cut cut(1, 2, seed);
    if (cut.labels_of_row(0) + cut.labels_of_row(1) > 0) continue;
    const Tensor before = convert(cut.model.parameters.master(0), DType::f32);
    expect_error(ErrorCode::input, "step 1", [&] { cut.trainer.step(1, cut.batches); });
    expect_error(ErrorCode::input, "no label in 2 sequences",
                 [&] { cut.trainer.step(1, cut.batches); });
    EXPECT_TRUE(same_bits(cut.model.parameters.master(0), before.view()));
    const TaskSet none(TaskStream(cut.config.data.task, {32, 4}, seed, TaskPurpose::train), 2, 24);
    expect_error(ErrorCode::input, "no label in 2 sequences", [&] { cut.trainer.evaluate(none); });
    return;
  }
  FAIL() << "no seed whose first two sequences have no label";
}

// Refused before the run begins, not when it first evaluates.
TEST(TaskRun, ValidationWithoutLabelsIsRefused) {
  const ScratchFolder folder;
  expect_error(ErrorCode::config, "data.task_args.validation", [&] {
    for (int seed = 0; seed < 100; ++seed) {
      const std::string setting = "train.seed=" + std::to_string(seed);
      open_data(task_config(
          {"data.task=induction", "data.task_args={symbols=4, length=4, validation=1}", setting}));
    }
  });
}

TEST(TaskRun, RefusesWhatDoesNotGoTogether) {
  const auto bad = [](Overrides overrides, const char* part) {
    expect_error(ErrorCode::config, part, [&] { task_config(overrides); });
  };
  bad({"data.task=mqarr"}, "mqar");
  bad({"data.task_args.pairs=7"}, "at least 28 tokens");
  bad({"data.task_args.pair=2"}, "\"pairs\"");
  bad({"data.task_args.pairs=1.5"}, "an integer");
  bad({"data.task_args.length=25"}, "at most 24, the model's context");
  bad({"model.vocab=6"}, "model.vocab");
  bad({"data.train=a.txt"}, "data.train");
  bad({"data.validation=a.txt"}, "data.validation");
  bad({"data.holdout=0.1"}, "data.holdout");
  bad({"data.tokenizer=byte"}, "data.tokenizer");
  bad({"data.mask_documents=true"}, "data.mask_documents");
  bad({"train.steps=1099511627776"}, "train.steps");
  expect_error(ErrorCode::config, "data.task", [] {
    read_data_config(io::parse_toml("task_args = {pairs = 3}", "x.toml"), "x.toml");
  });
}

}  // namespace
}  // namespace weft
