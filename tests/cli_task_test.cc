// Runs on tasks from the command line: train, eval, and what is refused.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli_run.h"
#include "io/json.h"
#include "io/safetensors.h"

namespace weft::system_test {
namespace {

std::vector<std::string> task_settings() {
  std::vector<std::string> args;
  for (const std::string s :
       {"model.dim=32", "model.layers=2", "model.heads=2", "model.kv_heads=2", "model.head_dim=16",
        "model.ffn=48", "model.context=32", "model.vocab=64", "train.steps=6", "train.batch=4",
        "train.log_every=3", "data.task=mqar", "data.task_args.validation=20"}) {
    args.insert(args.end(), {"--set", s});
  }
  return args;
}

Output train_task(const std::string& out, const std::vector<std::string>& more = {}) {
  std::vector<std::string> args = {"train", "transformer", "--threads", "1", "--out", out};
  for (const std::string& a : task_settings()) args.push_back(a);
  args.insert(args.end(), more.begin(), more.end());
  return weft(args);
}

class CliTask : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    scratch_ = new Scratch;
    run_ = *scratch_ / "run";
    trained_ = train_task(run_);
  }
  static void TearDownTestSuite() { delete scratch_; }

  static nlohmann::json eval(std::vector<std::string> more) {
    std::vector<std::string> args = {"eval", run_, "--json"};
    args.insert(args.end(), more.begin(), more.end());
    const Output got = weft(args);
    EXPECT_EQ(got.code, 0) << got.err;
    return io::parse_json(got.out, "eval");
  }

  static inline Scratch* scratch_ = nullptr;
  static inline std::string run_;
  static inline Output trained_;
};

TEST_F(CliTask, TrainingSaysTheAccuracy) {
  EXPECT_EQ(trained_.code, 0) << trained_.err;
  EXPECT_NE(trained_.err.find("mqar sequences made on the fly"), std::string::npos) << trained_.err;
  EXPECT_NE(trained_.err.find("val_accuracy "), std::string::npos) << trained_.err;
  EXPECT_NE(content(run_ + "/metrics.jsonl").find("\"val_accuracy\":"), std::string::npos);
}

TEST_F(CliTask, EvaluationNeedsNoData) {
  const nlohmann::json j = eval({"--pairs", "4,8,16", "--lengths", "32,64", "--sequences", "30"});
  EXPECT_EQ(j["task"], "mqar");
  const nlohmann::json& results = j["results"];
  ASSERT_EQ(results.size(), 5u);  // 16 pairs do not fit into 32 tokens
  for (const nlohmann::json& r : results) {
    EXPECT_EQ(r["queries"], 30 * r["pairs"].get<int64_t>());
    EXPECT_GE(r["accuracy"], 0);
    EXPECT_LE(r["accuracy"], 1);
    EXPECT_GT(r["loss"], 0);
    EXPECT_GT(r["perplexity"], 1);
    EXPECT_TRUE(r["bits_per_byte"].is_null());
  }
  EXPECT_EQ(results[0]["length"], 32);
  EXPECT_EQ(results[4]["length"], 64);
  EXPECT_EQ(results[4]["pairs"], 16);
  // The same question gives the same answer; another seed asks others.
  EXPECT_EQ(eval({"--sequences", "30"}), eval({"--sequences", "30", "--threads", "1"}));
  EXPECT_NE(eval({"--sequences", "30"}), eval({"--sequences", "30", "--seed", "1"}));
  EXPECT_EQ(eval({"--set", "pairs=2"})["results"][0]["pairs"], 2);
}

TEST_F(CliTask, EvaluationOfACheckpointIsThatOfItsRun) {
  const Output run = weft({"eval", run_}),
               checkpoint = weft({"eval", run_ + "/checkpoints/step-6"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, checkpoint.out);
  EXPECT_NE(run.out.find("accuracy"), std::string::npos) << run.out;
}

TEST_F(CliTask, OtherVerbsTakeTheModel) {
  EXPECT_EQ(weft({"explain", run_}).code, 0);
  EXPECT_EQ(weft({"explain", run_ + "/checkpoints/step-6"}).code, 0);
  Tensor tokens(DType::i32, {1, 3});
  for (int32_t i = 0; i < 3; ++i) tokens.as<int32_t>()[i] = 60 + i;
  const std::string in = *scratch_ / "in.safetensors", out = *scratch_ / "out.safetensors";
  io::write_safetensors(in, std::vector<io::NamedTensor>{{"tokens", tokens.view()}});
  const Output got = weft({"forward", run_, "--tokens", in, "--out", out});
  EXPECT_EQ(got.code, 0) << got.err;
}

TEST_F(CliTask, RefusesInOneLine) {
  const std::string other = *scratch_ / "other";
  const auto bad = [&](const std::string& setting, const std::string& part) {
    expect_refused(train_task(other, {"--set", setting}), part);
    EXPECT_FALSE(std::filesystem::exists(other));
  };
  bad("data.task=mqarr", "\"mqar\"");
  bad("data.task_args.pairs=9", "at least 36 tokens");
  bad("model.vocab=8", "model.vocab");
  bad("data.task_args.piars=3", "\"pairs\"");
  bad("data.train=text.txt", "data.train");
  expect_refused(weft({"eval", run_, "--data", "text.txt"}), "--sequences");
  expect_refused(weft({"eval", run_, "--pairs", "0"}), "--pairs");
  expect_refused(weft({"eval", run_, "--pairs", "99"}), "pairs");
  expect_refused(weft({"eval", run_, "--set", "pars=3"}), "\"pairs\"");
  expect_refused(weft({"eval", run_, "--set", "pairs=[3]"}), "--set");
  expect_refused(weft({"generate", run_, "--prompt", "x"}), "tokenizer");
}

}  // namespace
}  // namespace weft::system_test
