// Runs in their folders: what they write, that they resume to the same bits, that nothing is lost.
#include "train/run.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "base/compare.h"
#include "io/json.h"
#include "model/model.h"
#include "train/testing.h"

namespace weft {
namespace {

namespace fs = std::filesystem;
using io::expect_error;
using io::ScratchFolder;
using testing::bytes_of;
using testing::periodic_text;
using testing::tiny_run;

using Overrides = std::initializer_list<std::string_view>;

struct Scene {
  ScratchFolder folder;
  fs::path text = folder.put("text", periodic_text());

  TrainRequest request(const std::string& out, Overrides overrides = {}, int threads = 2) const {
    TrainRequest r;
    r.config = tiny_run(text, overrides);
    r.out = folder / out;
    r.runtime.threads = threads;
    r.peak_gflops = 1;
    return r;
  }
  // Trains until `stop_after` steps are done and sets the flag.
  TrainOutcome train_until(const std::string& out, int64_t stop_after, int threads = 2) const {
    std::atomic<bool> stop{false};
    TrainRequest r = request(out, {}, threads);
    r.resume = true;
    r.stop = &stop;
    r.observer.on_step = [&](const StepReport& s) { stop = s.step >= stop_after; };
    return run_training(r);
  }
};

std::vector<nlohmann::json> metrics(const fs::path& run) {
  std::vector<nlohmann::json> lines;
  std::ifstream file(run / "metrics.jsonl");
  for (std::string line; std::getline(file, line);) lines.push_back(io::parse_json(line, "line"));
  return lines;
}

void expect_same_end(const fs::path& got, const fs::path& want, int64_t step) {
  for (const char* file : {"model.safetensors", "optimizer.safetensors", "state.json",
                           "config.json", "tokenizer.json"}) {
    EXPECT_EQ(bytes_of(step_folder(got, step) / file), bytes_of(step_folder(want, step) / file))
        << file;
  }
  const auto a = metrics(got), b = metrics(want);
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    for (const char* key : {"step", "tokens", "loss", "val_loss", "lr", "grad_norm"}) {
      EXPECT_EQ(a[i][key], b[i][key]) << "line " << i << " " << key;
    }
  }
}

TEST(Run, LeavesWhatTheContractSays) {
  const Scene scene;
  const TrainOutcome end = run_training(scene.request("run"));
  const fs::path run = scene.folder / "run";
  EXPECT_EQ(end.step, 12);
  EXPECT_FALSE(end.stopped);
  EXPECT_EQ(end.checkpoint, step_folder(run, 12));
  EXPECT_EQ(find_checkpoint(run), step_folder(run, 12));
  EXPECT_EQ(step_folders(run), (std::vector<int64_t>{8, 12}));  // keep_checkpoints = 2
  EXPECT_TRUE(fs::is_symlink(run / "latest"));
  const auto lines = metrics(run);
  ASSERT_EQ(lines.size(), 12u);
  for (size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i].size(), 10u);
    EXPECT_EQ(lines[i]["step"], i + 1);
    EXPECT_EQ(lines[i]["tokens"], 128 * (i + 1));
    EXPECT_EQ(lines[i]["val_loss"].is_null(), i != 4 && i != 9 && i != 11);
    EXPECT_GT(lines[i]["tokens_per_second"], 0);
    EXPECT_GT(lines[i]["mfu"], 0);
    EXPECT_LE(lines[i]["mfu"], 1);
    EXPECT_GT(lines[i]["peak_gflops"], 0);
  }
  EXPECT_LT(lines.back()["loss"], lines.front()["loss"]);
  EXPECT_EQ(lines.back()["val_loss"], *end.val_loss);
  const RunConfig stored = load_run_config((run / "config.toml").string());
  EXPECT_EQ(write_run_config(stored), write_run_config(scene.request("run").config));
  EXPECT_EQ(bytes_of(run / "config.toml"), io::to_toml(write_run_config(stored)));
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(run)) names.insert(entry.path().filename());
  EXPECT_EQ(names,
            (std::set<std::string>{"checkpoints", "config.toml", "latest", "metrics.jsonl"}));
}

// A peak that was measured while others had the machine shows when training exceeds it.
TEST(Run, APeakThatIsExceededIsMeasuredAgain) {
  const Scene scene;
  TrainRequest request = scene.request("run");
  request.peak_gflops = 1e-6;
  run_training(request);
  const auto lines = metrics(scene.folder / "run");
  ASSERT_EQ(lines.size(), 12u);
  double peak = 0;
  for (const nlohmann::json& line : lines) {
    EXPECT_LE(line["mfu"], 1);
    EXPECT_GT(line["peak_gflops"], 1e-3);
    EXPECT_GE(line["peak_gflops"], peak);
    peak = line["peak_gflops"];
  }
}

TEST(Run, ATeamThatGivesWayGivesTheSameBits) {
  const Scene scene;
  run_training(scene.request("alone", {}, 1));
  TrainRequest request = scene.request("team");
  request.runtime = Runtime::adaptive(2);
  run_training(request);
  expect_same_end(scene.folder / "team", scene.folder / "alone", 12);
}

TEST(Metrics, AShareThatIsNotKnownIsNull) {
  const nlohmann::json line = io::parse_json(to_json_line({.peak_gflops = 7}), "line");
  EXPECT_TRUE(line["mfu"].is_null());
  EXPECT_EQ(line["peak_gflops"], 7);
}

TEST(Run, ResumesToTheSameBits) {
  const Scene scene;
  run_training(scene.request("whole"));
  for (const int64_t stop : {1, 4, 7}) {
    const std::string name = "cut-" + std::to_string(stop);
    const TrainOutcome first = scene.train_until(name, stop, 1);
    EXPECT_EQ(first.step, stop);
    EXPECT_TRUE(first.stopped);
    EXPECT_EQ(first.checkpoint, step_folder(scene.folder / name, stop));
    scene.train_until(name, 10, 3);
    scene.train_until(name, 1000, 2);
    expect_same_end(scene.folder / name, scene.folder / "whole", 12);
  }
}

// As after a crash: lines of steps that no checkpoint holds, one of them cut short, and leftovers.
TEST(Run, CutsMetricsBackToTheCheckpoint) {
  const Scene scene;
  run_training(scene.request("whole"));
  scene.train_until("run", 6);
  const fs::path run = scene.folder / "run";
  std::ofstream(run / "metrics.jsonl", std::ios::app) << R"({"step":7,"seconds":1,"loss":99})"
                                                      << "\n"
                                                      << R"({"step":8,"sec)";
  fs::create_directories(step_folder(run, 3));
  fs::remove(run / "latest");
  scene.train_until("run", 1000);
  expect_same_end(run, scene.folder / "whole", 12);
}

TEST(Run, BeginsAgainWhereNoCheckpointWasReached) {
  const Scene scene;
  run_training(scene.request("whole"));
  const fs::path run = scene.folder / "run";
  fs::create_directories(run);
  std::ofstream(run / "config.toml") << io::to_toml(write_run_config(scene.request("run").config));
  std::ofstream(run / "metrics.jsonl") << R"({"step":1,"seconds":1,"loss":99})"
                                       << "\n";
  scene.train_until("run", 1000);
  expect_same_end(run, scene.folder / "whole", 12);
}

TEST(Run, OnlyStepsMayGrow) {
  const Scene scene;
  run_training(scene.request("run"));
  expect_error(ErrorCode::usage, "--resume", [&] { run_training(scene.request("run")); });
  const auto resume = [&](Overrides overrides) {
    TrainRequest r = scene.request("run", overrides);
    r.resume = true;
    return run_training(r);
  };
  expect_error(ErrorCode::config, "train.lr", [&] { resume({"train.lr=1e-3"}); });
  expect_error(ErrorCode::config, "train.weight_decay", [&] { resume({"train.weight_decay=0"}); });
  expect_error(ErrorCode::config, "model.ffn", [&] { resume({"model.ffn=65"}); });
  expect_error(ErrorCode::config, "data.mask_documents",
               [&] { resume({"data.mask_documents=true"}); });
  expect_error(ErrorCode::config, "train.steps", [&] { resume({"train.steps=11"}); });
  EXPECT_EQ(resume({}).step, 12);
  EXPECT_EQ(resume({"train.steps=14"}).step, 14);
  const RunConfig stored = load_run_config((scene.folder / "run" / "config.toml").string());
  EXPECT_EQ(stored.train.steps, 14);
}

TEST(Run, EvaluatesOnAsMuchTextWhateverTheBatch) {
  const Scene scene;
  const auto labels = [&](Overrides overrides) {
    std::vector<int64_t> counts;
    TrainRequest r = scene.request("run-" + std::string(*overrides.begin()), overrides);
    r.observer.on_eval = [&](int64_t, const Score& score) { counts.push_back(score.labels); };
    run_training(r);
    EXPECT_EQ(counts.size(), 1u);
    return counts.front();
  };
  for (const std::string_view batch : {"train.batch=1", "train.batch=3", "train.batch=16"}) {
    EXPECT_EQ(labels({batch, "train.steps=1", "train.eval_batches=2"}), 2 * 8 * 32) << batch;
  }
  const auto held_out = static_cast<int64_t>(periodic_text().size() / 10);
  EXPECT_EQ(labels({"train.eval_batches=0", "train.steps=1"}), held_out - 1);
  EXPECT_EQ(labels({"train.eval_batches=1099511627776", "train.steps=1"}), held_out - 1);
}

TEST(Run, ScoresValidationTextsEachByItself) {
  const Scene scene;
  const std::string a = scene.folder.put("a", "the loom weaves").string(),
                    b = scene.folder.put("b", "the weft goes over; the loom weaves, the").string();
  const auto score = [&](const std::string& paths, const std::string& limit) {
    TrainRequest r = scene.request("run" + paths.substr(0, 3) + limit, {"data.holdout=0"});
    r.config.data.validation = {a, b};
    if (paths == "a") r.config.data.validation = {a};
    if (paths == "b") r.config.data.validation = {b};
    r.config.train.steps = 1;
    r.config.train.eval_batches = std::stol(limit);
    Score got;
    r.observer.on_eval = [&](int64_t, const Score& s) { got = s; };
    run_training(r);
    return got;
  };
  const Score one = score("a", "0"), other = score("b", "0"), both = score("both", "0");
  EXPECT_EQ(one.labels, 14);
  EXPECT_EQ(other.labels, 39);
  EXPECT_EQ(both.labels, 53);
  EXPECT_NEAR(both.loss, (14 * one.loss + 39 * other.loss) / 53, 1e-9);
}

TEST(Run, ZeroStepsWriteTheFreshModel) {
  const Scene scene;
  TrainRequest r = scene.request("run", {"train.steps=0"});
  r.config.data = {};
  const TrainOutcome end = run_training(r);
  EXPECT_EQ(end.checkpoint, step_folder(scene.folder / "run", 0));
  const Model fresh = make_model(r.config.model, r.config.train.seed);
  const Model read = load_model(end.checkpoint);
  for (int p = 0; p < fresh.parameters.count(); ++p) {
    EXPECT_TRUE(same_bits(read.parameters.master(p), fresh.parameters.master(p)));
  }
}

TEST(Run, KeepsTheLastCheckpointWhenNumbersBlowUp) {
  const Scene scene;
  scene.train_until("run", 4);
  const fs::path run = scene.folder / "run";
  Model model = load_model(find_checkpoint(run));
  for (float& x : model.parameters.master(1).span<float>()) x = 3e38f;  // their products overflow
  save_model(step_folder(run, 4), model);
  const std::string before = bytes_of(run / "latest" / "model.safetensors");
  expect_error(ErrorCode::runtime, "step 5", [&] { scene.train_until("run", 8); });
  EXPECT_EQ(step_folders(run), std::vector<int64_t>{4});
  EXPECT_EQ(bytes_of(run / "latest" / "model.safetensors"), before);
}

TEST(Run, RefusesBeforeItTouchesTheFolder) {
  const Scene scene;
  const auto refused = [&](ErrorCode code, const char* part, Overrides overrides) {
    expect_error(code, part, [&] { run_training(scene.request("new", overrides)); });
    EXPECT_FALSE(fs::exists(scene.folder / "new"));
  };
  refused(ErrorCode::config, "data.train", {"data.train=[]"});
  refused(ErrorCode::input, "missing", {"data.train=missing"});
  refused(ErrorCode::config, "model.vocab", {"model.vocab=100"});
  refused(ErrorCode::input, "window", {"model.context=7000"});
  refused(ErrorCode::config, "data.holdout", {"data.validation=missing"});
  refused(ErrorCode::config, "memory", {"train.batch=1000000", "train.accumulate=1000000"});
  refused(ErrorCode::config, "memory",
          {"model.dim=1048576", "model.head_dim=16", "model.ffn=4194304"});
  refused(ErrorCode::config, "memory",
          {"model.layers=1024", "model.ffn=1048576", "model.dim=8192"});
}

// Files of at most `bytes` while it lives: writing more fails as on a full disk.
class SmallFiles {
 public:
  explicit SmallFiles(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallFiles() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  SmallFiles(const SmallFiles&) = delete;
  SmallFiles& operator=(const SmallFiles&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST(Run, LosesNothingWhenTheDiskIsFull) {
  const Scene scene;
  run_training(scene.request("whole"));
  scene.train_until("run", 5);
  const fs::path run = scene.folder / "run";
  const std::string weights = bytes_of(run / "latest" / "model.safetensors");
  {
    const SmallFiles no_checkpoint(8 << 10);
    expect_error(ErrorCode::runtime, "safetensors", [&] { scene.train_until("run", 1000); });
  }
  {
    const SmallFiles no_metrics(fs::file_size(run / "config.toml") + 400);
    expect_error(ErrorCode::runtime, "metrics.jsonl", [&] { scene.train_until("run", 1000); });
  }
  EXPECT_EQ(find_checkpoint(run), step_folder(run, 5));
  EXPECT_EQ(bytes_of(run / "latest" / "model.safetensors"), weights);
  scene.train_until("run", 1000);
  expect_same_end(run, scene.folder / "whole", 12);
}

TEST(Run, SaysWhereItCannotWrite) {
  const Scene scene;
  TrainRequest r = scene.request("text/run");  // below a file
  expect_error(ErrorCode::runtime, "text/run", [&] { run_training(r); });
  fs::create_directories(scene.folder / "run" / "checkpoints" / "step-4");
  fs::remove_all(scene.folder / "run" / "checkpoints");
  std::ofstream(scene.folder / "run" / "checkpoints") << "a file";
  expect_error(ErrorCode::runtime, "checkpoints", [&] { run_training(scene.request("run")); });
}

TEST(RunFolder, IsNotAmongTheCheckpointsOfAnother) {
  const Scene scene;
  run_training(scene.request("run", {"train.steps=1"}));
  for (const char* out : {"run/checkpoints/mine", "run/checkpoints", "run/checkpoints/step-1",
                          "run/checkpoints/step-1/deeper/still", "run/latest"}) {
    expect_error(ErrorCode::usage, "among the checkpoints of the run",
                 [&] { run_training(scene.request(out, {"train.steps=1"})); });
  }
  EXPECT_EQ(step_folders(scene.folder / "run"), std::vector<int64_t>{1});
  EXPECT_EQ(run_training(scene.request("checkpoints/run", {"train.steps=1"})).step, 1);
}

}  // namespace
}  // namespace weft
