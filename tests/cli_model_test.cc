// The verbs over a model, from training to generation.
#include <gtest/gtest.h>
#include <pty.h>

#include <cmath>
#include <csignal>
#include <nlohmann/json.hpp>

#include "base/random.h"
#include "cli_run.h"
#include "io/json.h"
#include "io/safetensors.h"

namespace weft::system_test {
namespace {

class CliModel : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    scratch_ = new Scratch;
    run_ = train_tiny(*scratch_, "resformer");
  }
  static void TearDownTestSuite() { delete scratch_; }

  static inline Scratch* scratch_ = nullptr;
  static inline std::string run_;
};

TEST_F(CliModel, TrainingLeavesTheFilesOfTheContract) {
  for (const char* file :
       {"config.toml", "metrics.jsonl", "checkpoints/step-20/config.json",
        "checkpoints/step-20/model.safetensors", "checkpoints/step-20/tokenizer.json",
        "checkpoints/step-20/optimizer.safetensors", "checkpoints/step-20/state.json", "latest"}) {
    EXPECT_TRUE(std::filesystem::exists(run_ + "/" + file)) << file;
  }
}

TEST_F(CliModel, TrainingAwayFromATerminalWritesPlainLines) {
  const Scratch other;
  const std::string text = other.file("text.txt", prose(60));
  std::vector<std::string> args = {"train", "transformer", "--out", other / "run"};
  for (const std::string& a : tiny_settings(text)) args.push_back(a);
  const Output got = weft(args);
  EXPECT_EQ(got.code, 0) << got.err;
  EXPECT_EQ(got.out, "");
  EXPECT_FALSE(has_controls(got.err)) << got.err;
  EXPECT_NE(got.err.find("step 5/20  loss "), std::string::npos) << got.err;
  EXPECT_NE(got.err.find("step 20/20  loss "), std::string::npos) << got.err;
}

TEST_F(CliModel, ARunIsNotOverwritten) {
  const std::string before = content(run_ + "/metrics.jsonl");
  std::vector<std::string> args = {"train", "transformer", "--out", run_};
  for (const std::string& a : tiny_settings(*scratch_ / "text.txt")) args.push_back(a);
  expect_refused(weft(args), "--resume");
  EXPECT_EQ(content(run_ + "/metrics.jsonl"), before);
}

TEST_F(CliModel, EvalGivesTheKeysOfTheContract) {
  const Output got =
      weft({"eval", run_, "--data", *scratch_ / "text.txt", "--lengths", "16,32", "--json"});
  ASSERT_EQ(got.code, 0) << got.err;
  const nlohmann::json json = io::parse_json(got.out, "eval");
  ASSERT_EQ(json["results"].size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const nlohmann::json& r = json["results"][i];
    EXPECT_EQ(r["length"], i == 0 ? 16 : 32);
    const double loss = r["loss"];
    EXPECT_GT(loss, 0.1);
    EXPECT_LT(loss, std::log(256.));
    EXPECT_NEAR(r["bits_per_byte"].get<double>(), loss / std::log(2.), 1e-9);
    EXPECT_NEAR(r["perplexity"].get<double>(), std::exp(loss), 1e-6 * std::exp(loss));
  }
  const Output table =
      weft({"eval", run_ + "/checkpoints/step-20", "--data", *scratch_ / "text.txt"});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_EQ(std::count(table.out.begin(), table.out.end(), '\n'), 2) << table.out;
}

TEST_F(CliModel, Int8WeightsEvaluateAndGenerate) {
  const auto loss = [&](const char* precision) {
    const Output got = weft({"eval", run_, "--data", *scratch_ / "text.txt", "--lengths", "32",
                             "--precision", precision, "--json"});
    EXPECT_EQ(got.code, 0) << got.err;
    return io::parse_json(got.out, "eval")["results"][0]["loss"].get<double>();
  };
  const double exact = loss("f32"), rounded = loss("int8");
  EXPECT_NE(rounded, exact);
  EXPECT_NEAR(rounded, exact, 0.01);
  const Output text = weft(
      {"generate", run_, "--prompt", "It was", "--tokens", "8", "--precision", "int8", "--json"});
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_EQ(io::parse_json(text.out, "generate")["tokens"].size(), 8u);
}

TEST_F(CliModel, EvalWarnsBeyondTheTrainedContextBeforeItWorks) {
  const Scratch other;
  int screen = -1, terminal = -1;
  ASSERT_EQ(::openpty(&screen, &terminal, nullptr, nullptr, nullptr), 0);
  // Long enough for a progress line, which would stand before a warning that comes late.
  const std::string text = other.file("text.txt", prose(6000));
  const pid_t pid = start_weft({"eval", run_, "--data", text, "--lengths", "16,64", "--max-tokens",
                                "20000", "--threads", "1"},
                               other, terminal);
  const Output got = wait_for(pid, other);
  ::close(terminal);
  char shown[4096] = {};
  const ssize_t n = ::read(screen, shown, sizeof shown - 1);
  ::close(screen);
  EXPECT_EQ(got.code, 0);
  ASSERT_GT(n, 0);
  EXPECT_EQ(std::string(shown).rfind("warning: 64 tokens", 0), 0u) << shown;
}

TEST_F(CliModel, GenerateIsDeterministicAndExcludesThePrompt) {
  const std::vector<std::string> args = {
      "generate", run_, "--prompt", "It was [a] ", "--tokens", "24", "--seed", "7", "--json"};
  const Output a = weft(args), b = weft(args);
  ASSERT_EQ(a.code, 0) << a.err;
  EXPECT_EQ(a.out, b.out);
  const nlohmann::json json = io::parse_json(a.out, "generate");
  EXPECT_EQ(json["tokens"].size(), 24u);
  EXPECT_TRUE(json["text"].is_string());
  EXPECT_EQ(json["text"].get<std::string>().find("It was [a]"), std::string::npos);
  std::vector<std::string> other = args;
  other[7] = "8";
  EXPECT_NE(weft(other).out, a.out);
}

TEST_F(CliModel, GenerateGreedyTakesTheBestLogitOfForward) {
  const Output got = weft(
      {"generate", run_, "--prompt", "It was", "--tokens", "1", "--temperature", "0", "--json"});
  ASSERT_EQ(got.code, 0) << got.err;
  const int32_t token = io::parse_json(got.out, "generate")["tokens"][0];
  Tensor ids(DType::i64, {1, 6});
  const std::string prompt = "It was";
  for (size_t i = 0; i < 6; ++i) ids.as<int64_t>()[i] = static_cast<unsigned char>(prompt[i]);
  const io::NamedTensor in[] = {{"tokens", ids.view()}};
  const std::string from = *scratch_ / "ids.safetensors", to = *scratch_ / "logits.safetensors";
  io::write_safetensors(from, in);
  const Output forward = weft({"forward", run_, "--tokens", from, "--out", to, "--grad"});
  ASSERT_EQ(forward.code, 0) << forward.err;
  const io::SafeTensors file = io::SafeTensors::open(to);
  const Tensor logits = file.load("logits");
  ASSERT_EQ(logits.shape(), (Shape{1, 6, 256}));
  ASSERT_EQ(logits.dtype(), DType::f32);
  const float* last = logits.as<float>() + 5 * 256;
  EXPECT_EQ(token, std::max_element(last, last + 256) - last);
  EXPECT_EQ(file.load("grad.lm_head.weight").shape(), (Shape{256, 32}));
  double loss = 0;  // mean over the five tokens that have a next one
  for (int t = 0; t < 5; ++t) {
    const float* row = logits.as<float>() + t * 256;
    double sum = 0;
    for (int i = 0; i < 256; ++i) sum += std::exp(static_cast<double>(row[i]));
    loss += std::log(sum) - row[ids.as<int64_t>()[t + 1]];
  }
  EXPECT_NEAR(get(file.load("loss").view(), 0), loss / 5, 1e-4);
}

TEST_F(CliModel, GenerateWarnsBeyondTheTrainedContext) {
  const Output got = weft({"generate", run_, "--prompt", "It", "--tokens", "64", "--json"});
  EXPECT_EQ(got.code, 0);
  EXPECT_EQ(got.err.rfind("warning: ", 0), 0u) << got.err;
  EXPECT_EQ(std::count(got.err.begin(), got.err.end(), '\n'), 1) << got.err;
}

TEST_F(CliModel, ExplainTakesRunsAndCheckpoints) {
  for (const std::string& what : {run_, run_ + "/checkpoints/step-20"}) {
    const Output got = weft({"explain", what, "--json"});
    ASSERT_EQ(got.code, 0) << got.err;
    EXPECT_EQ(io::parse_json(got.out, what)["design"], "resformer") << what;
  }
}

TEST_F(CliModel, TermSignalFinishesTheStepAndResumeGoesOn) {
  const Scratch other;
  const std::string text = other.file("text.txt", prose(60)), run = other / "run";
  std::vector<std::string> args = {"train", "transformer", "--out", run};
  for (const std::string& a : tiny_settings(text)) args.push_back(a);
  args.insert(args.end(), {"--set", "train.steps=1000000", "--set", "train.log_every=1"});
  const pid_t pid = start_weft(args, other);
  for (int i = 0; i < 3000 && content(run + "/metrics.jsonl").size() < 200; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ::kill(pid, SIGTERM);
  const Output got = wait_for(pid, other);
  EXPECT_EQ(got.code, 128 + SIGTERM) << got.err;
  EXPECT_NE(got.err.find("stopped after step "), std::string::npos) << got.err;
  EXPECT_TRUE(std::filesystem::exists(run + "/latest"));
  expect_refused(weft({"train", "--resume", "--out", run, "--set", "model.dim=64"}));
}

}  // namespace
}  // namespace weft::system_test
