// What may change when a run is resumed: rates, data, latest; and what is said of it.
#include "train/resume.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "io/json.h"
#include "model/model.h"
#include "train/latest.h"
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
  fs::path run = folder / "run";

  TrainRequest request(Overrides overrides = {}) const {
    TrainRequest r;
    r.config = tiny_run(text, overrides);
    r.out = run;
    r.runtime.threads = 1;
    r.peak_gflops = 1;
    return r;
  }
  /// Resumes; the notes go to `notes`.
  TrainOutcome resume(Overrides overrides = {}, std::vector<std::string> asked = {}) {
    TrainRequest r = request(overrides);
    r.resume = true;
    r.asked = std::move(asked);
    r.observer.on_start = [this](const RunStart& start) { notes = start.notes; };
    return run_training(r);
  }
  std::vector<std::string> notes;
};

bool mentions(const std::vector<std::string>& notes, std::string_view part) {
  return std::any_of(notes.begin(), notes.end(),
                     [&](const std::string& note) { return note.find(part) != std::string::npos; });
}

double last_lr(const fs::path& run) {
  const std::string text = bytes_of(run / "metrics.jsonl");
  const size_t line = text.rfind('\n', text.size() - 2) + 1;
  return io::parse_json(text.substr(line), "line")["lr"].get<double>();
}

TEST(Resume, ChangesTheRateWhereItIsAskedForAndWritesItDown) {
  Scene scene;
  run_training(scene.request());
  expect_error(ErrorCode::config, "--set train.lr=0.001 changes it from here on", [&] {
    scene.resume({"train.steps=16", "train.lr=1e-3"});
  });
  const Overrides overrides = {"train.steps=16", "train.lr=1e-3", "train.schedule=constant"};
  expect_error(ErrorCode::config, "train.schedule", [&] {
    scene.resume(overrides, {"train.steps", "train.lr"});
  });
  EXPECT_EQ(scene.resume(overrides, {"train.lr", "train.schedule"}).step, 16);
  EXPECT_EQ(last_lr(scene.run), 1e-3);
  const std::string config = bytes_of(scene.run / "config.toml");
  for (const char* line : {"# after step 12: train.steps = 16, was 12\n",
                           "# after step 12: train.lr = 0.001, was 0.003\n",
                           "# after step 12: train.min_lr = 0.0001, was 0.0003",
                           "# after step 12: train.schedule = \"constant\", was \"cosine\"\n"}) {
    EXPECT_NE(config.find(line), std::string::npos) << config;
  }
  EXPECT_TRUE(mentions(scene.notes, "train.lr = 0.001 from step 13 on, was 0.003"));
  // The record stays, and an older reader sees comments.
  const std::vector<io::Override> more = {io::parse_override("train.steps=18")};
  TrainRequest r = scene.request();
  r.config = load_resumed_config((scene.run / "config.toml").string(), more);
  r.resume = true;
  EXPECT_EQ(run_training(r).step, 18);
  const std::string after = bytes_of(scene.run / "config.toml");
  EXPECT_NE(after.find("# after step 12: train.lr = 0.001, was 0.003\n"), std::string::npos);
  EXPECT_NE(after.find("# after step 16: train.steps = 18, was 16\n"), std::string::npos);
  EXPECT_EQ(load_run_config((scene.run / "config.toml").string()).train.lr, 1e-3);
}

TEST(Resume, AMinimumThatWasATenthFollowsTheRate) {
  Scene scene;
  run_training(scene.request());
  const std::string file = (scene.run / "config.toml").string();
  const auto load = [&](Overrides texts) {
    std::vector<io::Override> overrides;
    for (const std::string_view text : texts) overrides.push_back(io::parse_override(text));
    return load_resumed_config(file, overrides).train;
  };
  EXPECT_DOUBLE_EQ(load({}).min_lr, 3e-4);
  EXPECT_DOUBLE_EQ(load({"train.lr=1e-4"}).min_lr, 1e-5);
  EXPECT_EQ(load({"train.lr=1e-4", "train.min_lr=5e-5"}).min_lr, 5e-5);
}

TEST(Resume, OfAFinishedRunChangesNothing) {
  Scene scene;
  const TrainOutcome first = run_training(scene.request());
  const std::string config = bytes_of(scene.run / "config.toml"),
                    metrics = bytes_of(scene.run / "metrics.jsonl");
  const TrainOutcome again = scene.resume({"train.lr=1e-3"}, {"train.lr"});
  EXPECT_EQ(again.steps_done, 0);
  EXPECT_FALSE(again.stopped);
  EXPECT_EQ(again.loss, first.loss);
  EXPECT_EQ(again.val_loss, first.val_loss);
  EXPECT_EQ(bytes_of(scene.run / "config.toml"), config);
  EXPECT_EQ(bytes_of(scene.run / "metrics.jsonl"), metrics);
}

TEST(RateNotes, SayWhatNobodyExpects) {
  TrainConfig t;
  t.steps = 1000;
  EXPECT_TRUE(rate_notes(t, nullptr, 0).empty());
  t.steps = 50;
  EXPECT_TRUE(mentions(rate_notes(t, nullptr, 0), "--set train.warmup=5"));
  t.warmup = 5;
  EXPECT_TRUE(rate_notes(t, nullptr, 0).empty());
  TrainConfig longer = t;
  longer.steps = 100;
  const std::vector<std::string> notes = rate_notes(longer, &t, 50);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0],
            "the learning rate is 0.000572 from step 51 on, after 0.0001 at step 50: 100 steps in "
            "the place of 50 stretch the cosine schedule; --set train.schedule=constant --set "
            "train.lr=0.0001 keeps the rate");
  TrainConfig constant = t;
  constant.schedule = ScheduleKind::constant;
  longer.schedule = ScheduleKind::constant;
  EXPECT_TRUE(rate_notes(longer, &constant, 50).empty());
}

TEST(Resume, NoticesOtherTextOfTheSameLength) {
  Scene scene;
  run_training(scene.request());
  std::string text = periodic_text();
  text[1000] = '!';
  scene.folder.put("text", text);
  expect_error(ErrorCode::input, "text with other content",
               [&] { scene.resume({"train.steps=16"}); });
  scene.folder.put("text", periodic_text() + "more");
  expect_error(ErrorCode::input, "bytes, not", [&] { scene.resume({"train.steps=16"}); });
  scene.folder.put("text", periodic_text());
  EXPECT_EQ(scene.resume({"train.steps=16"}).step, 16);
}

TEST(Resume, AcceptsAStateOfAnOlderVersion) {
  Scene scene;
  run_training(scene.request());
  const fs::path file = step_folder(scene.run, 12) / "state.json";
  nlohmann::json state = io::read_json(file);
  EXPECT_EQ(state["data"]["train"]["files"][0]["path"], scene.text.string());
  state["data"].erase("train");
  std::ofstream(file) << state.dump();
  EXPECT_EQ(scene.resume({"train.steps=14"}).step, 14);
}

// As scp -r, cp -rL and zip leave it: what were links are folders.
TEST(Resume, OfACopyWithoutLinksGoesOnFromTheNewest) {
  Scene scene;
  run_training(scene.request({"train.steps=8"}));
  fs::remove(scene.run / "latest");
  fs::copy(step_folder(scene.run, 8), scene.run / "latest");
  EXPECT_EQ(find_checkpoint(scene.run), step_folder(scene.run, 8));
  scene.resume({"train.steps=12"});
  EXPECT_TRUE(mentions(scene.notes, "latest was a folder, a copy of checkpoints/step-8"));
  EXPECT_EQ(fs::read_symlink(scene.run / "latest"), "checkpoints/step-12");
  EXPECT_EQ(find_checkpoint(scene.run), step_folder(scene.run, 12));
}

TEST(FindCheckpoint, TrustsNumbersNotLatest) {
  Scene scene;
  run_training(scene.request({"train.steps=8"}));
  const fs::path latest = scene.run / "latest", eight = step_folder(scene.run, 8);
  fs::remove(latest);
  fs::copy(step_folder(scene.run, 4), latest);
  EXPECT_EQ(find_checkpoint(scene.run), eight);
  fs::remove_all(latest);
  fs::create_directory_symlink("checkpoints/step-4", latest);
  EXPECT_EQ(find_checkpoint(scene.run), eight);
  fs::remove(latest);
  fs::create_directory_symlink("checkpoints/step-2", latest);
  EXPECT_EQ(find_checkpoint(scene.run), eight);
  fs::remove(latest);
  std::ofstream(latest) << "checkpoints/step-4";
  EXPECT_EQ(find_checkpoint(scene.run), eight);
  fs::remove(latest);
  // The newest was copied as latest alone.
  fs::rename(eight, latest);
  EXPECT_EQ(find_checkpoint(scene.run), latest);
  fs::remove_all(scene.run / "checkpoints");
  EXPECT_EQ(find_checkpoint(scene.run), latest);
}

TEST(FindCheckpoint, RefusesANewestThatIsThereInPart) {
  Scene scene;
  run_training(scene.request({"train.steps=8"}));
  const fs::path eight = step_folder(scene.run, 8);
  fs::rename(eight / "optimizer.safetensors", scene.folder / "kept");
  EXPECT_EQ(find_checkpoint(scene.run), eight);  // to evaluate, weights suffice
  expect_error(ErrorCode::input, "without optimizer.safetensors",
               [&] { scene.resume({"train.steps=12"}); });
  for (const char* file : {"model.safetensors", "config.json"}) {
    fs::remove(eight / file);
    expect_error(ErrorCode::input, file, [&] { find_checkpoint(scene.run); });
    expect_error(ErrorCode::input, file, [&] { scene.resume({"train.steps=12"}); });
  }
  fs::remove_all(eight);
  EXPECT_EQ(scene.resume({"train.steps=12"}).step, 12);
}

TEST(Resume, DoesNotBeginAgainWhereCheckpointsAreMissing) {
  Scene scene;
  run_training(scene.request());
  fs::remove_all(scene.run / "checkpoints");
  fs::remove(scene.run / "latest");
  const std::string metrics = bytes_of(scene.run / "metrics.jsonl");
  expect_error(ErrorCode::input, "metrics.jsonl goes to step 12", [&] { scene.resume(); });
  fs::remove(scene.run / "config.toml");
  expect_error(ErrorCode::usage, "a run", [&] { run_training(scene.request()); });
  EXPECT_EQ(bytes_of(scene.run / "metrics.jsonl"), metrics);
}

TEST(MendLatest, LosesNothing) {
  Scene scene;
  run_training(scene.request({"train.steps=8"}));
  const fs::path latest = scene.run / "latest";
  EXPECT_EQ(mend_latest(scene.run), "");
  fs::remove(latest);
  fs::create_directory_symlink("checkpoints/step-4", latest);
  EXPECT_EQ(mend_latest(scene.run),
            "latest pointed to checkpoints/step-4: it points to checkpoints/step-8 again");
  fs::remove(latest);
  fs::copy(step_folder(scene.run, 4), latest);
  std::ofstream(latest / "notes.txt") << "mine";
  EXPECT_EQ(mend_latest(scene.run),
            "latest was no link: what it held is latest-of-step-4 now, and it points to step-8");
  EXPECT_EQ(bytes_of(scene.run / "latest-of-step-4" / "notes.txt"), "mine");
  fs::remove(latest);
  fs::rename(step_folder(scene.run, 8), latest);
  EXPECT_EQ(mend_latest(scene.run),
            "latest was a folder, the newest checkpoint: it is checkpoints/step-8 now");
  EXPECT_EQ(fs::read_symlink(latest), "checkpoints/step-8");
  EXPECT_EQ(step_of_checkpoint(latest), 8);
}

TEST(Run, SaysThatTheFileSystemHasNoLocks) {
  Scene scene;
  TrainRequest r = scene.request({"train.steps=2"});
  r.try_lock = [](const io::FileHandle&) { return io::Lock::none; };
  r.observer.on_start = [&](const RunStart& start) { scene.notes = start.notes; };
  EXPECT_EQ(run_training(r).step, 2);
  EXPECT_TRUE(mentions(scene.notes, "no locks"));
}

TEST(Run, IsRefusedToASecondProcess) {
  Scene scene;
  run_training(scene.request({"train.steps=4"}));
  const std::string before = bytes_of(scene.run / "metrics.jsonl");
  const MetricsFile other(scene.run / "metrics.jsonl");
  expect_error(ErrorCode::runtime, "another process", [&] { scene.resume({"train.steps=8"}); });
  EXPECT_EQ(bytes_of(scene.run / "metrics.jsonl"), before);
}

// The folder of the data is the one that the run is made in.
TEST(Run, IsNoPartOfItsOwnData) {
  Scene scene;
  const auto in_own_data = [&](const char* steps) {
    TrainRequest r = scene.request({steps});
    r.config.data.train = {scene.folder.path().string()};
    r.resume = true;
    int64_t tokens = 0;
    r.observer.on_start = [&](const RunStart& start) { tokens = start.corpus_tokens; };
    run_training(r);
    return tokens;
  };
  const int64_t tokens = in_own_data("train.steps=4");
  EXPECT_GT(tokens, 0);
  EXPECT_EQ(in_own_data("train.steps=8"), tokens);
}

// Cut short while it is read: in memory nothing is seen of it, on disk it is one clear error.
TEST(Run, GoesOnWhenItsTextIsCutShort) {
  Scene scene;
  TrainRequest whole = scene.request(), cut = scene.request();
  whole.out = scene.folder / "whole";
  run_training(whole);
  cut.observer.on_step = [&](const StepReport& step) {
    if (step.step == 3) fs::resize_file(scene.text, 0);
  };
  run_training(cut);
  EXPECT_EQ(bytes_of(step_folder(cut.out, 12) / "model.safetensors"),
            bytes_of(step_folder(whole.out, 12) / "model.safetensors"));
}

}  // namespace
}  // namespace weft
