// docs/own_wiring.md: its configuration is one, says what the text says, and trains.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli_run.h"
#include "io/json.h"
#include "io/toml.h"
#include "model/config_toml.h"
#include "model/parameter_list.h"

namespace weft::system_test {
namespace {

std::string tutorial_block() {
  const std::string text = content(std::string(WEFT_SOURCE_DIR) + "/docs/own_wiring.md");
  const std::string open = "```toml\n";
  const size_t begin = text.find(open) + open.size();
  return text.substr(begin, text.find("```", begin) - begin);
}

TEST(OwnWiringTutorial, TheTableIsShortAndSaysWhatTheTextSays) {
  const std::string block = tutorial_block();
  EXPECT_LE(std::count(block.begin(), block.end(), '\n'), 15) << block;
  const ModelConfig c = read_model(*io::parse_toml(block, "idea.toml").find("model"));
  ModelConfig plain = c;
  plain.mixes.clear();
  const Layout layout = derive_layout(c), without = derive_layout(plain);
  ASSERT_EQ(layout.gain_tensors.size(), 1u);
  EXPECT_EQ(layout.gain_tensors[0].name, "mix.back");
  EXPECT_EQ(layout.gain_tensors[0].shape, (Shape{3}));
  EXPECT_EQ(layout.gain_tensors[0].init, (std::vector<double>{0, 0, 0}));
  EXPECT_EQ(parameter_list(c, layout).size(), parameter_list(plain, without).size() + 1);
  EXPECT_EQ(layout.cache.bytes_per_token(16, 2), without.cache.bytes_per_token(16, 2));
}

// The commands of the text, with fewer steps.
TEST(OwnWiringTutorial, ItsCommandsWork) {
  const Scratch scratch;
  const std::string config = scratch.file("idea.toml", tutorial_block());
  const std::string book = scratch.file("book.txt", prose(80));
  EXPECT_EQ(weft({"explain", config}).code, 0);
  EXPECT_EQ(weft({"check", config}).code, 0);
  for (const std::string name : {"idea", "plain"}) {
    std::vector<std::string> args = {
        "train", config,          "--set", "data.train=" + book, "--set", "data.holdout=0.1",
        "--set", "train.steps=3", "--out", scratch / name};
    if (name == "plain") args.insert(args.end(), {"--set", "model.mix=[]"});
    const Output trained = weft(args);
    ASSERT_EQ(trained.code, 0) << trained.err;
    const Output scored =
        weft({"eval", scratch / name, "--data", book, "--lengths", "16,32,64", "--json"});
    ASSERT_EQ(scored.code, 0) << scored.err;
    EXPECT_EQ(io::parse_json(scored.out, "eval")["results"].size(), 3u);
  }
  // The run keeps the table, and goes on from it.
  EXPECT_NE(content(scratch / "idea/config.toml").find("[[model.mix]]"), std::string::npos);
  EXPECT_EQ(content(scratch / "plain/config.toml").find("[[model.mix]]"), std::string::npos);
  const Output more =
      weft({"train", "--out", scratch / "idea", "--resume", "--set", "train.steps=4"});
  EXPECT_EQ(more.code, 0) << more.err;
  expect_refused(weft({"explain", config, "--set", "model.mix.to=v[2]"}), "model.mix.to");
}

TEST(Loop, TakesMorePassesThanItWasTrainedWith) {
  const Scratch scratch;
  const std::string run = train_tiny(scratch, "transformer", {"--set", "model.loop.repeats=2"});
  const auto loss = [&](const std::string& repeats) {
    std::vector<std::string> args = {"eval", run, "--data", scratch / "text.txt", "--json"};
    if (!repeats.empty()) args.insert(args.end(), {"--set", "model.loop.repeats=" + repeats});
    const Output got = weft(args);
    EXPECT_EQ(got.code, 0) << got.err;
    return io::parse_json(got.out, "eval")["results"][0]["loss"].get<double>();
  };
  const double usual = loss("");
  EXPECT_EQ(loss("2"), usual);
  EXPECT_NE(loss("3"), usual);
  const std::vector<std::string> eval = {"eval", run, "--data", scratch / "text.txt", "--set"};
  const auto refused = [&](const std::string& setting, const std::string& part) {
    std::vector<std::string> args = eval;
    args.push_back(setting);
    expect_refused(weft(args), part);
  };
  refused("model.loop.repeats=0", "model.loop.repeats");
  refused("train.steps=3", "a key of [model]");
  refused("model.ffn=64", "is this a checkpoint of another model?");
}

}  // namespace
}  // namespace weft::system_test
