// weft generate: where prompts come from, samples, stops, and readers that go away.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli_run.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "io/utf8.h"

namespace weft::system_test {
namespace {

class CliGenerate : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    scratch_ = new Scratch();
    run_ = train_tiny(*scratch_, "transformer");
  }
  static void TearDownTestSuite() { delete scratch_; }

  static Output generate(std::vector<std::string> more) {
    std::vector<std::string> args = {"generate", run_, "--threads", "1"};
    args.insert(args.end(), more.begin(), more.end());
    return weft(args);
  }
  static nlohmann::json json(std::vector<std::string> more) {
    more.emplace_back("--json");
    const Output got = generate(more);
    EXPECT_EQ(got.code, 0) << got.err;
    return got.code == 0 ? io::parse_json(got.out, "generate") : nlohmann::json();
  }
  /// Through a shell, "$weft" in place of the call as far as the model; its stdout.
  static Output shell(const std::string& command) {
    const std::string weft =
        std::string("\"") + WEFT_BINARY + "\" generate \"" + run_ + "\" --threads 1 ";
    std::string whole = "cd '" + (*scratch_ / ".") + "'\n" + command;
    for (size_t at = 0; (at = whole.find("$weft", at)) != std::string::npos;) {
      whole.replace(at, 5, weft);
    }
    const std::string file = scratch_->file("command.sh", whole);
    const int status = std::system(
        ("bash '" + file + "' > '" + (*scratch_ / "out") + "' 2> '" + (*scratch_ / "err") + "'")
            .c_str());
    return {WEXITSTATUS(status), content(*scratch_ / "out"), content(*scratch_ / "err")};
  }

  static Scratch* scratch_;
  static std::string run_;
};
Scratch* CliGenerate::scratch_ = nullptr;
std::string CliGenerate::run_;

TEST_F(CliGenerate, ThePromptMayBeAFileOrStandardInput) {
  const std::string prompt = "It was\na bright é\n";
  const std::string file = scratch_->file("prompt.txt", prompt);
  const Output want = generate({"--prompt", prompt, "--tokens", "16"});
  ASSERT_EQ(want.code, 0) << want.err;
  EXPECT_EQ(generate({"--prompt-file", file, "--tokens", "16"}).out, want.out);
  EXPECT_EQ(shell("$weft --prompt - --tokens 16 < '" + file + "'").out, want.out);
  EXPECT_EQ(shell("$weft --prompt-file - --tokens 16 < '" + file + "'").out, want.out);
  EXPECT_EQ(shell("$weft --prompt-file <(cat '" + file + "') --tokens 16").out, want.out);
}

TEST_F(CliGenerate, BadPromptsAreRefused) {
  const auto file = [](const std::string& bytes) { return scratch_->file("bad.txt", bytes); };
  expect_refused(generate({}), "--prompt or --prompt-file, got none");
  expect_refused(generate({"--prompt", "x", "--prompt-file", file("x")}), "got both");
  expect_refused(generate({"--prompt", ""}), "an empty prompt");
  expect_refused(generate({"--prompt", "-"}), "[standard input] expected at least one character");
  expect_refused(generate({"--prompt-file", file("")}), "bad.txt] expected at least one character");
  expect_refused(generate({"--prompt-file", file("ab\xff")}), "an invalid byte at 2");
  expect_refused(generate({"--prompt-file", "/no/such"}), "/no/such");
  expect_refused(generate({"--prompt-file", run_}), run_);
  expect_refused(generate({"--prompt-file", ""}), "--prompt-file");
  expect_refused(generate({"--prompt", "x", "--stop", ""}), "stop");
  expect_refused(generate({"--prompt", "x", "--samples", "0"}), "--samples");
  // A NUL is a token like any other: the one between documents.
  EXPECT_EQ(json({"--prompt-file", file(std::string("a\0b", 3)), "--tokens", "3"})["tokens"].size(),
            3u);
}

TEST_F(CliGenerate, SampleIIsThatOfSeedPlusI) {
  const std::vector<std::string> ask = {"--prompt", "It was", "--tokens", "24"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), ask.begin(), ask.end());
    return json(more);
  };
  const nlohmann::json all = with({"--seed", "5", "--samples", "3"});
  ASSERT_EQ(all["samples"].size(), 3u);
  for (int i = 0; i < 3; ++i) {
    const nlohmann::json one = with({"--seed", std::to_string(5 + i)});
    EXPECT_EQ(all["samples"][i]["text"], one["text"]) << i;
    EXPECT_EQ(all["samples"][i]["tokens"], one["tokens"]) << i;
    EXPECT_EQ(all["samples"][i]["seed"], 5 + i);
  }
  EXPECT_NE(all["samples"][0]["tokens"], all["samples"][1]["tokens"]);
  EXPECT_EQ(all["text"], all["samples"][0]["text"]);
  const Output plain =
      generate({"--prompt", "It was", "--tokens", "24", "--seed", "5", "--samples", "2"});
  EXPECT_EQ(plain.out.rfind("=== sample 1 of 2, seed 5\n", 0), 0u) << plain.out;
  EXPECT_NE(plain.out.find("\n=== sample 2 of 2, seed 6\n"), std::string::npos) << plain.out;
}

TEST_F(CliGenerate, EndsBeforeAStop) {
  const std::vector<std::string> ask = {"--prompt", "It was", "--tokens", "40", "--seed", "2"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), ask.begin(), ask.end());
    return json(more);
  };
  const nlohmann::json free = with({});
  const std::string text = free["text"];
  const std::vector<int32_t> tokens = free["tokens"];
  // Two letters are two tokens of this model: a stop over a border of tokens.
  const auto letter = [](int32_t token) { return token >= 'A' && token <= 'z'; };
  size_t at = 1;
  while (at + 1 < tokens.size() && !(letter(tokens[at]) && letter(tokens[at + 1]))) ++at;
  ASSERT_LT(at + 1, tokens.size()) << text;
  const std::string stop{static_cast<char>(tokens[at]), static_cast<char>(tokens[at + 1])};
  const nlohmann::json cut = with({"--stop", "never-there", "--stop", stop});
  EXPECT_EQ(cut["text"], text.substr(0, text.find(stop)));
  EXPECT_EQ(cut["tokens"], std::vector<int32_t>(tokens.begin(), tokens.begin() + long(at)));
  EXPECT_EQ(cut["samples"][0]["stop"], stop);
  EXPECT_TRUE(free["samples"][0]["stop"].is_null());
  EXPECT_EQ(generate({"--prompt", "It was", "--tokens", "40", "--seed", "2", "--stop", stop}).out,
            text.substr(0, text.find(stop)) + "\n");
}

TEST_F(CliGenerate, EchoesThePrompt) {
  const std::string plain = generate({"--prompt", "It was", "--tokens", "8"}).out;
  EXPECT_EQ(generate({"--prompt", "It was", "--tokens", "8", "--echo"}).out, "It was" + plain);
  const nlohmann::json j = json({"--prompt", "It was", "--tokens", "8", "--echo"});
  EXPECT_EQ(j["prompt"], "It was");
  EXPECT_EQ(j["text"].get<std::string>() + "\n", plain);
}

TEST_F(CliGenerate, AClosedPipeEndsItQuietly) {
  const Output got = shell(
      "{ $weft --prompt 'It was' --tokens 100000 2> err; echo $? > code; } | head -c 10 > "
      "/dev/null\n"
      "cat err code");
  EXPECT_EQ(got.out.substr(got.out.size() - 2), "0\n") << got.out;
  EXPECT_EQ(got.out.find("weft:"), std::string::npos) << got.out;
}

TEST_F(CliGenerate, JsonIsOneDocumentWithForward) {
  Tensor tokens(DType::i32, {1, 8});
  for (int64_t i = 0; i < 8; ++i) tokens.as<int32_t>()[i] = static_cast<int32_t>(65 + i);
  io::write_safetensors(*scratch_ / "ids", {{{"tokens", tokens.view()}}});
  const std::vector<std::string> args = {"forward",         run_,    "--tokens",
                                         *scratch_ / "ids", "--out", *scratch_ / "logits"};
  std::vector<std::string> with = args;
  with.insert(with.end(), {"--json", "--grad"});
  EXPECT_EQ(weft(args).out, "");
  const Output got = weft(with);
  ASSERT_EQ(got.code, 0) << got.err;
  const nlohmann::json j = io::parse_json(got.out, "forward");
  const io::SafeTensors out = io::SafeTensors::open(*scratch_ / "logits");
  EXPECT_EQ(j["outputs"].size(), out.entries().size());
  EXPECT_EQ(j["outputs"][0]["shape"], nlohmann::json({1, 8, 256}));
  EXPECT_FLOAT_EQ(j["loss"].get<float>(), static_cast<float>(get(out.load("loss").view(), 0)));
  EXPECT_EQ(j["time"], 8);
  EXPECT_GT(j["seconds"].get<double>(), 0);
}

}  // namespace
}  // namespace weft::system_test
