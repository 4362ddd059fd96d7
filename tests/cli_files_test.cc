// The program and the files around it: copied runs, data that change, folders of data, what a run
// says before it goes on.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli_run.h"

namespace weft::system_test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::vector<std::string> train(const std::string& data, const std::string& run,
                               const std::vector<std::string>& more = {}) {
  std::vector<std::string> args = {"train", "transformer", "--out", run, "--threads", "1"};
  for (const std::string& a : tiny_settings(data)) args.push_back(a);
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

std::vector<std::string> resume(const std::string& run, const std::vector<std::string>& sets) {
  std::vector<std::string> args = {"train", "--resume", "--out", run, "--threads", "1"};
  for (const std::string& s : sets) args.insert(args.end(), {"--set", s});
  return args;
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

double eval_loss(const std::string& model, const std::string& data) {
  const Output got = weft({"eval", model, "--data", data, "--json", "--threads", "1"});
  EXPECT_EQ(got.code, 0) << got.err;
  return json::parse(got.out)["results"][0]["loss"].get<double>();
}

TEST(CliFiles, ACopiedRunGoesOnFromItsNewestCheckpoint) {
  const Scratch scratch;
  const std::string run = train_tiny(scratch, "transformer"), copy = scratch / "copy";
  fs::create_directory(copy);
  fs::copy(run, copy, fs::copy_options::recursive);  // follows links, as cp -rL does
  fs::remove_all(copy + "/latest");
  fs::copy(run + "/checkpoints/step-20", copy + "/latest");
  const Output got = weft(resume(copy, {"train.steps=30"}));
  EXPECT_EQ(got.code, 0) << got.err;
  EXPECT_TRUE(mentions(got.err, "latest was a folder, a copy of checkpoints/step-20")) << got.err;
  const std::string text = scratch / "text.txt";
  EXPECT_EQ(eval_loss(copy, text), eval_loss(copy + "/checkpoints/step-30", text));
  EXPECT_NE(eval_loss(copy, text), eval_loss(copy + "/checkpoints/step-20", text));
  EXPECT_TRUE(fs::is_symlink(copy + "/latest"));
}

TEST(CliFiles, ATextCutShortOrRewrittenDoesNotEndTheRun) {
  const Scratch scratch;
  const std::string text = scratch.file("text.txt", prose(3000)), run = scratch / "run";
  const Scratch output;
  const pid_t pid = start_weft(train(text, run, {"--set", "train.steps=300"}), output);
  for (int i = 0; i < 3000 && !fs::exists(run + "/config.toml"); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  fs::resize_file(text, 0);
  const Output got = wait_for(pid, output);
  EXPECT_EQ(got.code, 0) << got.err;
  expect_refused(weft(resume(run, {"train.steps=400"})), "text.txt");
  scratch.file("text.txt", prose(3000));
  EXPECT_EQ(weft(resume(run, {"train.steps=301"})).code, 0);
}

TEST(CliFiles, OtherTextOfTheSameLengthIsNoticedByName) {
  const Scratch scratch;
  const std::string run = train_tiny(scratch, "transformer");
  std::string text = prose(60);
  text[100] = '#';
  scratch.file("text.txt", text);
  expect_refused(weft(resume(run, {"train.steps=30"})), "text.txt with other content");
}

TEST(CliFiles, AFolderOfDataIsItsTextAndNothingElse) {
  const Scratch scratch;
  fs::create_directories(scratch / "data");
  fs::create_directories(scratch / "shared");
  scratch.file("data/a.txt", prose(60));
  scratch.file("shared/b.txt", prose(60));
  scratch.file("data/x.bin", std::string("\x7f"
                                         "ELF\x02\x01\x01\0\0\0",
                                         10));
  fs::create_directory_symlink("../shared", scratch / "data/linked");
  fs::create_directory_symlink("..", scratch / "data/up");
  ASSERT_EQ(::mkfifo((scratch / "data/pipe").c_str(), 0600), 0);
  const std::string run = scratch / "data/run";
  const Output got = weft(train(scratch / "data", run, {"--json"}));
  EXPECT_EQ(got.code, 0) << got.err;
  for (const char* part : {"1 file that is not text", "x.bin, a program or library",
                           "1 link to a folder above the data", "1 pipe, socket or device"}) {
    EXPECT_TRUE(mentions(got.err, part)) << got.err;
  }
  const json state = json::parse(content(run + "/checkpoints/step-20/state.json"));
  EXPECT_EQ(state["data"]["tokens"], 2 * prose(60).size() + 1);
  // The run in its own data is left out, and it goes on.
  const Output on = weft(resume(run, {"train.steps=22"}));
  EXPECT_EQ(on.code, 0) << on.err;
  EXPECT_TRUE(mentions(on.err, "skipped 1 folder of a run")) << on.err;
  expect_refused(weft(train(scratch / "data/x.bin", scratch / "other")), "a program or library");
  expect_refused(weft({"eval", run, "--data", scratch / "data/x.bin"}), "a program or library");
  EXPECT_EQ(weft({"eval", run, "--data", scratch / "data/linked"}).code, 0);
}

TEST(CliFiles, TheDocumentOfARun) {
  const Scratch scratch;
  const std::string text = scratch.file("text.txt", prose(60)), run = scratch / "run";
  const Output got = weft(train(text, run, {"--json"}));
  ASSERT_EQ(got.code, 0) << got.err;
  const json j = json::parse(got.out);
  EXPECT_EQ(j["step"], 20);
  EXPECT_EQ(j["steps"], 20);
  EXPECT_EQ(j["stopped"], false);
  EXPECT_EQ(j["tokens"], 20 * 4 * 32);
  EXPECT_EQ(j["out"], run);
  EXPECT_EQ(j["checkpoint"], run + "/checkpoints/step-20");
  EXPECT_TRUE(j["loss"].is_number());
  EXPECT_TRUE(j["val_loss"].is_null());
  EXPECT_GT(j["parameters"], 0);
  EXPECT_TRUE(mentions(j["notes"].dump(), "warm-up of 100 steps takes the whole run of 20")) << j;
  // Of a finished run: that it is finished, and the numbers that it ended with.
  std::vector<std::string> again = resume(run, {});
  again.push_back("--json");
  const Output end = weft(again);
  EXPECT_EQ(end.code, 0);
  EXPECT_TRUE(mentions(end.err, "nothing left to do: already at step 20 of 20")) << end.err;
  EXPECT_TRUE(mentions(end.err, "--set train.steps=40")) << end.err;
  EXPECT_EQ(json::parse(end.out)["loss"], j["loss"]);
  EXPECT_EQ(json::parse(end.out)["steps_done"], 0);
}

TEST(CliFiles, AResumedRunChangesItsRateWhenAsked) {
  const Scratch scratch;
  const std::string run = train_tiny(scratch, "transformer", {"--set", "train.warmup=2"});
  const Output stretched = weft(resume(run, {"train.steps=40"}));
  EXPECT_TRUE(mentions(stretched.err, "40 steps in the place of 20 stretch the cosine schedule"))
      << stretched.err;
  EXPECT_EQ(weft(resume(run, {"train.steps=50", "train.lr=5e-5"})).code, 0);
  const std::string config = content(run + "/config.toml");
  EXPECT_TRUE(mentions(config, "# after step 40: train.lr = 5e-05, was 0.001\n")) << config;
  EXPECT_TRUE(mentions(config, "\nmin_lr = 5e-06\n")) << config;
  expect_refused(weft(resume(run, {"train.batch=8"})), "train.batch");
}

}  // namespace
}  // namespace weft::system_test
