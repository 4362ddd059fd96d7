// Models of others and damaged ones at the command line, and runs that start from one.
#include <functional>
#include <nlohmann/json.hpp>

#include "io/atomic.h"
#include "io/json.h"
#include "python_run.h"

namespace weft::system_test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json edited(const std::string& file, const std::function<void(json&)>& edit) {
  json j = io::read_json(file);
  edit(j);
  io::write_atomic(file, j.dump());
  return j;
}

std::vector<std::string> eval_of(const std::string& model, const Scratch& scratch) {
  return {"eval", model, "--data", scratch / "text.txt", "--threads", "1", "--json"};
}

TEST(CliForeign, AFlippedByteIsRefusedByFileAndTensor) {
  const Scratch scratch;
  const std::string run = train_tiny(scratch, "transformer");
  const std::string file = run + "/latest/model.safetensors";
  ASSERT_EQ(weft(eval_of(run, scratch)).code, 0);
  std::string bytes = content(file);
  for (size_t i = 0; i < 200; ++i) bytes[bytes.size() - 1 - 37 * i] ^= 0x01;
  scratch.file("run/latest/model.safetensors", bytes);
  for (const char* part : {"model.safetensors: tensor \"", "hash", "damaged"}) {
    expect_refused(weft(eval_of(run, scratch)), part);
  }
  // What a run resumes from is checked as well.
  fs::remove_all(run);
  train_tiny(scratch, "transformer");
  bytes = content(run + "/latest/optimizer.safetensors");
  bytes[bytes.size() - 100] ^= 0x01;
  scratch.file("run/latest/optimizer.safetensors", bytes);
  expect_refused(weft({"train", "--resume", "--out", run, "--set", "train.steps=30"}),
                 "optimizer.safetensors: tensor \"");
}

TEST(CliForeign, ExplainSaysWhoseWeightsTheyAre) {
  const Scratch scratch;
  const std::string run = train_tiny(
      scratch, "resformer", {"--set", "model.wiring_args.value-residual.variant=learnable"});
  Output got = weft({"explain", run, "--json"});
  ASSERT_EQ(got.code, 0) << got.err;
  json j = json::parse(got.out);
  EXPECT_EQ(j["weights"]["hash"], "xxh3");
  ASSERT_EQ(j["gains"].size(), 1u);
  EXPECT_EQ(j["gains"][0]["name"], "model.wiring.value-residual.gains");
  EXPECT_EQ(j["gains"][0]["shape"], (std::vector<int>{1, 2}));
  ASSERT_EQ(j["gains"][0]["values"].size(), 2u);
  EXPECT_NE(j["gains"][0]["values"][0], 0.5);  // trained
  EXPECT_EQ(j["gains"][0]["rows"][0]["to"], "v[1]");
  got = weft({"explain", run});
  for (const char* part : {"with a hash", "trained gains", "value-residual.gains", "v[1]"}) {
    EXPECT_NE(got.out.find(part), std::string::npos) << part << got.out;
  }
  // Without the note another program wrote it.
  std::string bytes = content(run + "/latest/model.safetensors");
  bytes.replace(bytes.find("weft.xxh3"), 9, "else.xxh3");
  scratch.file("run/latest/model.safetensors", bytes);
  got = weft({"explain", run});
  EXPECT_NE(got.out.find("another program wrote it"), std::string::npos) << got.out;
  EXPECT_TRUE(json::parse(weft({"explain", run, "--json"}).out)["weights"]["hash"].is_null());
  EXPECT_EQ(weft(eval_of(run, scratch)).code, 0);
}

TEST(CliForeign, AConfigEditedInOnePlaceIsRefused) {
  const Scratch scratch;
  const std::string run = train_tiny(scratch, "transformer");
  const std::string file = run + "/latest/config.json";
  edited(file, [](json& j) { j["rope_theta"] = 500000.0; });
  for (const char* part : {"rope_theta", "10000", "500000"}) {
    expect_refused(weft(eval_of(run, scratch)), part);
  }
  // The table taken away, it is the file of a Llama of another program; the base acts.
  edited(file, [](json& j) { j.erase("weft"); });
  const Output other = weft(eval_of(run, scratch));
  ASSERT_EQ(other.code, 0) << other.err;
  edited(file, [](json& j) {
    j["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 500000.0}};
    j.erase("rope_theta");
  });
  EXPECT_EQ(weft(eval_of(run, scratch)).out, other.out);
  edited(file, [](json& j) { j["rope_parameters"]["rope_theta"] = 10000.0; });
  EXPECT_NE(weft(eval_of(run, scratch)).out, other.out);
  edited(file, [](json& j) { j["sliding_window"] = 16; });
  expect_refused(weft(eval_of(run, scratch)), "sliding_window");
}

// Ids beyond the tokenizer's are trained and scored as any, and never drawn.
TEST(CliForeign, APaddedVocabularyGeneratesWholeTexts) {
  const Scratch scratch;
  const std::string run =
      train_tiny(scratch, "transformer", {"--set", "model.vocab=320", "--set", "train.steps=2"});
  for (const char* temperature : {"0", "1", "3"}) {
    const Output got = weft({"generate", run, "--prompt", "The ", "--tokens", "200",
                             "--temperature", temperature, "--json", "--threads", "1"});
    ASSERT_EQ(got.code, 0) << got.err;
    const json j = json::parse(got.out);
    ASSERT_EQ(j["tokens"].size(), 200u);
    for (const json& token : j["tokens"]) EXPECT_LT(token.get<int>(), 256);
  }
  const Output text = weft({"generate", run, "--prompt", "The ", "--tokens", "50", "--seed", "1"});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_EQ(weft(eval_of(run, scratch)).code, 0);
}

TEST(CliForeign, TrainsOnFromAnotherModel) {
  const Scratch scratch;
  const std::string source = train_tiny(scratch, "resformer");
  const std::string out = scratch / "tuned";
  const std::vector<std::string> tune = {"train",
                                         "--from",
                                         source,
                                         "--set",
                                         "data.train=\"" + scratch / "text.txt" + "\"",
                                         "--set",
                                         "train.steps=3",
                                         "--set",
                                         "train.batch=2",
                                         "--out",
                                         out,
                                         "--threads",
                                         "1"};
  Output got = weft(tune);
  ASSERT_EQ(got.code, 0) << got.err;
  EXPECT_NE(got.err.find("from the weights of " + source), std::string::npos) << got.err;
  EXPECT_NE(content(out + "/config.toml").find("from = "), std::string::npos);
  EXPECT_NE(content(out + "/latest/state.json").find("step-20"), std::string::npos);
  got = weft({"train", "--resume", "--out", out, "--set", "train.steps=5"});
  EXPECT_EQ(got.code, 0) << got.err;
  expect_refused(weft({"train", "--resume", "--from", source, "--out", out}), "--from");
  std::vector<std::string> wrong = tune;
  wrong[wrong.size() - 3] = scratch / "other";
  wrong.insert(wrong.end(), {"--set", "model.dim=64"});
  expect_refused(weft(wrong), "model.dim");
  EXPECT_FALSE(fs::exists(scratch / "other"));
  wrong = tune;
  wrong[2] = scratch / "absent";
  expect_refused(weft(wrong), "absent");
}

TEST(CliForeign, SaysWhatTransformersWouldRefuse) {
  const Scratch scratch;
  const std::string text = scratch.file("text.txt", prose(60));
  const auto train = [&](const std::string& design, const std::string& out) {
    return weft({"train", design,
                 "--set", "model.dim=40",
                 "--set", "model.heads=3",
                 "--set", "model.kv_heads=3",
                 "--set", "model.head_dim=16",
                 "--set", "model.layers=2",
                 "--set", "model.ffn=48",
                 "--set", "model.context=32",
                 "--set", "train.steps=0",
                 "--set", "data.train=\"" + text + "\"",
                 "--out", scratch / out});
  };
  Output got = train("transformer", "a");
  EXPECT_EQ(got.code, 0) << got.err;
  EXPECT_NE(got.err.find("transformers opens no Llama"), std::string::npos) << got.err;
  got = train("resformer", "b");
  EXPECT_EQ(got.err.find("transformers"), std::string::npos) << got.err;
}

class OtherLibrary : public testing::TestWithParam<std::string> {};

TEST_P(OtherLibrary, OpensOurFiles) {
  if (!python_has(GetParam())) {
    GTEST_SKIP() << "no Python with " << GetParam() << "; set WEFT_PYTHON to one";
  }
  const Scratch scratch;
  const std::string run = train_tiny(scratch, "transformer", {"--set", "train.steps=1"});
  const Output got =
      run_python({WEFT_SOURCE_DIR "/tests/other_libraries.py", GetParam(), run + "/latest"});
  EXPECT_EQ(got.code, 0) << got.err;
}

INSTANTIATE_TEST_SUITE_P(Python, OtherLibrary, testing::Values("tokenizers", "safetensors"));

}  // namespace
}  // namespace weft::system_test
