// Bad input: one clear line, exit 2, nothing lost.
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "cli_run.h"
#include "io/safetensors.h"

namespace weft::system_test {
namespace {

struct BadConfig {
  const char* name;
  const char* toml;
  const char* part;  ///< of the message
};
void PrintTo(const BadConfig& c, std::ostream* out) {
  *out << c.name;
}

class CliBadConfig : public testing::TestWithParam<BadConfig> {};

TEST_P(CliBadConfig, IsOneLine) {
  const Scratch scratch;
  const std::string config = scratch.file("config.toml", GetParam().toml);
  expect_refused(weft({"explain", config}), GetParam().part);
  expect_refused(weft({"train", config, "--out", scratch / "run"}), GetParam().part);
  EXPECT_FALSE(std::filesystem::exists(scratch / "run"));
}

INSTANTIATE_TEST_SUITE_P(
    Corpus, CliBadConfig,
    testing::Values(
        BadConfig{"syntax", "[model\ndim = 3", ""},
        BadConfig{"unknown_key", "[model]\ndimm = 384\n", "\"dim\""},
        BadConfig{"unknown_table", "[modl]\ndim = 384\n", "model"},
        BadConfig{"unknown_design", "[model]\ndesign = \"resfromer\"\n", "resformer"},
        BadConfig{"unknown_mechanism", "[model]\nmechanism = \"sofmax\"\n", "softmax"},
        BadConfig{"unknown_position", "[model]\nposition = \"rop\"\n", "rope"},
        BadConfig{"unknown_wiring", "[model]\nwiring = [\"value-residul\"]\n", "value-residual"},
        BadConfig{"text_for_number", "[model]\ndim = \"big\"\n", "dim"},
        BadConfig{"real_for_integer", "[model]\nlayers = 2.5\n",
                  "config.toml:2: model.layers] expected an integer from 1 to 1024, got 2.5"},
        BadConfig{"whole_real_for_integer", "[model]\nlayers = 32.0\n", "got 32.0; integers have"},
        BadConfig{"negative", "[model]\nlayers = -1\n", "from 1 to 1024, got -1"},
        BadConfig{"real_window", "[model]\nwindow = 1e12\n",
                  "config.toml:2: model.window] expected an integer from 0 to 1073741824, got "
                  "1000000000000"},
        BadConfig{"window_of_a_layer", "[[model.layer]]\nlayers = [0]\nwindow = -3\n",
                  "config.toml:3: model.layer.window] expected an integer from 0 to 1073741824"},
        BadConfig{"zero_steps_batch", "[train]\nbatch = 0\n", "batch"},
        BadConfig{"heads_do_not_divide", "[model]\nheads = 6\nkv_heads = 4\n", "kv_heads"},
        BadConfig{"odd_head_dim", "[model]\nhead_dim = 15\n", "head_dim"},
        BadConfig{"bad_variant",
                  "[model]\nwiring = [\"value-residual\"]\n"
                  "[model.wiring_args.value-residual]\nvariant = \"learnble\"\n",
                  "learnable"},
        BadConfig{"bad_precision", "[train]\nprecision = \"f16\"\n", "precision"},
        BadConfig{"infinite_rate", "[train]\nlr = inf\n", "lr"},
        BadConfig{"list_for_integer", "[train]\nsteps = [1]\n",
                  "config.toml:2: train.steps] expected an integer from 0 to"},
        BadConfig{"list_of_the_wrong", "[model]\nwiring = [\"cla\", 1]\n",
                  "config.toml:2: model.wiring] expected a list of strings, got 1 as element 1"},
        BadConfig{"words_for_a_list", "[model]\nwiring = \"cla,value-residual\"\n",
                  "wiring = [\"cla\", \"value-residual\"]"},
        BadConfig{"table_for_tables", "[model.layer]\nlayers = 3\n", "[[model.layer]]"},
        BadConfig{"word_for_layers", "[[model.layer]]\nlayers = \"all\"\n",
                  "config.toml:2: model.layer.layers] expected a list of integers, got \"all\""},
        BadConfig{"unknown_in_a_layer", "[[model.layer]]\nlayers = 3\nwindw = 3\n",
                  "config.toml:3: model.layer.windw] expected a known key, got \"windw\"; did you"},
        BadConfig{"unknown_in_a_mix", "[[model.mix]]\nto = \"v[1..]\"\nterm = 3\nterms = []\n",
                  "config.toml:3: model.mix[0].term] expected a known key, got \"term\"; did you "
                  "mean \"terms\"?"},
        BadConfig{"unknown_in_a_term",
                  "[[model.mix]]\nto = \"v[1..]\"\nterms = [\n{ from = \"v[0]\" },\n"
                  "{ from = \"v[l]\", scal = 2 }]\n",
                  "config.toml:5: model.mix[0].terms[1].scal] expected a known key, got \"scal\"; "
                  "did you mean \"scale\"?"},
        BadConfig{
            "words_for_terms", "[[model.mix]]\nto = \"v[1..]\"\nterms = [\"v[0]\"]\n",
            "config.toml:3: model.mix[0].terms[0]] expected a table, got a string; terms = ["},
        BadConfig{"table_for_mixes", "[model.mix]\nto = \"v[1]\"\n",
                  "config.toml:1: model.mix] expected [[model.mix]] tables, got a table"},
        BadConfig{"unknown_argument",
                  "[model]\nmechanism = \"stick-breaking\"\n[model.mechanism_args]\n"
                  "inclusve = true\n",
                  "config.toml:3: model.mechanism_args] expected a known argument, got "
                  "\"inclusve\"; did you mean \"inclusive\"?"},
        BadConfig{"unknown_mechanism_of_a_layer",
                  "[[model.layer]]\nlayers = [1]\nmechanism = \"sofmax\"\n",
                  "config.toml:3: model.layer.mechanism] expected a known mechanism, got sofmax"},
        BadConfig{"unknown_argument_of_a_layer",
                  "[[model.layer]]\nlayers = [1]\nposition_args = { thet = 3 }\n",
                  "config.toml:3: model.layer.position_args] expected a known argument, got "
                  "\"thet\"; did you mean \"theta\"?"},
        BadConfig{"unknown_argument_of_a_wiring",
                  "[model]\nwiring = [\"cla\"]\n[model.wiring_args.cla]\nshar = 2\n",
                  "config.toml:3: model.wiring_args.cla] expected a known argument, got \"shar\""},
        BadConfig{"unknown_in_a_loop", "[model.loop]\nrepeat = 2\n",
                  "config.toml:2: model.loop.repeat] expected a known key, got \"repeat\""},
        BadConfig{"key_of_another_table", "[model]\nlr = 0.1\n", "\"train.lr\""},
        BadConfig{"absurd_context", "[model]\ncontext = 1000000000000\n", "context"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(CliBadSource, NamesWhatWasLookedFor) {
  const Scratch scratch;
  expect_refused(weft({"explain", "resfromer"}), "did you mean \"resformer\"?");
  expect_refused(weft({"train", "resfomer", "--out", scratch / "run"}), "\"resformer\"?");
  expect_refused(weft({"explain", "/no/such/config.toml"}), "no such file");
  expect_refused(weft({"train", scratch / ".", "--out", scratch / "run"}), "a folder");
  expect_refused(weft({"train", "--resume", "--out", scratch / "run"}),
                 "expected the folder of a run, with its config.toml, got no such folder; begin");
  expect_refused(weft({"train", "--resume", "--out", scratch / "."}), "got none in it");
  expect_refused(weft({"eval", "/no/such/run", "--data", "x"}), "/no/such/run");
  expect_refused(weft({"generate", "/tmp", "--prompt", "x"}));
}

TEST(CliBadSettings, NameTheKeyAndItsBounds) {
  const Scratch scratch;
  const std::string config = scratch.file("config.toml", "[model]\nheads = 6\n");
  const auto set = [&](const std::string& text) {
    return weft({"explain", config, "--set", text});
  };
  expect_refused(weft({"explain", "transformer", "--set", "model.dim"}), "--set");
  expect_refused(set("model.dimm=3"), "\"dim\"");
  expect_refused(set("data.train=[a.txt,b.txt"),
                 "[--set data.train] expected a TOML list, got \"[a.txt,b.txt\"");
  expect_refused(set("data.train=[a.txt,b.txt]"), "--set 'data.train=[\"a.txt\", \"b.txt\"]'");
  expect_refused(set("train.steps=[1]"),
                 "train.steps] expected an integer from 0 to 1099511627776, got the list [1]");
  expect_refused(set("model.layer=[{layers=3},{layers=2,windw=1}]"),
                 "model.layer[1].windw] expected a known key");
  expect_refused(
      set("model.mix=[{to=\"v[1..]\",terms=[{form=\"v[0]\"}]}]"),
      "model.mix[0].terms[0].form] expected a known key, got \"form\"; did you mean \"from\"?");
  expect_refused(set("model.dim=-1"),
                 "config.toml: model.dim] expected an integer from 1 to 1048576, got -1");
  expect_refused(set("model.layers=32.0"), "got 32.0; integers have no point");
  expect_refused(set("model=3"), "config.toml: model] expected a table, got an integer");
  expect_refused(set("model.wiring_args=[3]"), "config.toml: model.wiring_args] expected a table");
  expect_refused(set("model.layer=[{layers=[0,77]}]"), "config.toml: model.layer.layers] expected");
  expect_refused(set("train.learning_rate=3"), "did you mean \"lr\"?");
  expect_refused(set("model.n_layers=3"), "did you mean \"layers\"?");
  expect_refused(set("model.position_args.theta=0.5"), "got 0.5");
}

TEST(CliBadData, MissingEmptyAndShort) {
  const Scratch scratch;
  const auto train = [&](const std::string& data) {
    std::vector<std::string> args = {"train", "transformer", "--out", scratch / "run"};
    for (const std::string& a : tiny_settings(data)) args.push_back(a);
    return weft(args);
  };
  expect_refused(weft({"train", "transformer", "--out", scratch / "run"}), "train");
  expect_refused(train(scratch / "missing.txt"), "missing.txt");
  expect_refused(train(scratch.file("empty.txt", "")), "empty.txt");
  expect_refused(train(scratch.file("short.txt", "too short")));
  EXPECT_FALSE(std::filesystem::exists(scratch / "run/checkpoints"));
}

TEST(CliBadData, AbsurdSizesAreRefusedBeforeAllocation) {
  const Scratch scratch;
  std::vector<std::string> args = {"train", "transformer", "--out", scratch / "run"};
  for (const std::string& a : tiny_settings(scratch.file("text.txt", prose(60)))) args.push_back(a);
  args.insert(args.end(), {"--set", "model.dim=1000000", "--set", "model.ffn=4000000"});
  expect_refused(weft(args), "memory");
}

class CliBadModel : public testing::Test {
 protected:
  void SetUp() override {
    run_ = train_tiny(scratch_, "transformer");
    weights_ = run_ + "/checkpoints/step-20/model.safetensors";
    good_ = content(weights_);
  }
  Output evaluate() { return weft({"eval", run_, "--data", scratch_ / "text.txt"}); }
  void overwrite(const std::string& bytes) {
    std::ofstream(weights_, std::ios::binary | std::ios::trunc) << bytes;
  }
  static std::string with_header(const std::string& header, const std::string& data = "") {
    const uint64_t n = header.size();
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &n, 8);
    return bytes + header + data;
  }

  Scratch scratch_;
  std::string run_, weights_, good_;
};

TEST_F(CliBadModel, DamagedWeightsAreOneLine) {
  ASSERT_EQ(evaluate().code, 0);
  overwrite(good_.substr(0, good_.size() / 2));
  expect_refused(evaluate(), "model.safetensors");
  overwrite(good_.substr(0, 5));
  expect_refused(evaluate(), "model.safetensors");
  overwrite("");
  expect_refused(evaluate(), "model.safetensors");
  overwrite(std::string(8, '\xff') + good_.substr(8));
  expect_refused(evaluate(), "model.safetensors");
  overwrite(with_header("{" + std::string(100000, '[')));
  expect_refused(evaluate(), "model.safetensors");
  overwrite(with_header(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},)"
                        R"("b":{"dtype":"F32","shape":[4],"data_offsets":[8,24]}})",
                        std::string(24, '\0')));
  expect_refused(evaluate(), "model.safetensors");
  overwrite(with_header(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})",
                        std::string(16, '\0')));
  expect_refused(evaluate(), "model.safetensors");
}

TEST_F(CliBadModel, AnotherArchitectureIsRefused) {
  const std::string config = run_ + "/checkpoints/step-20/config.json";
  std::string json = content(config);
  const size_t at = json.find("\"layers\": 2");
  ASSERT_NE(at, std::string::npos) << json;
  std::ofstream(config, std::ios::binary | std::ios::trunc)
      << json.substr(0, at) + "\"layers\": 3" + json.substr(at + 11);
  expect_refused(evaluate());
  std::ofstream(config, std::ios::binary | std::ios::trunc) << "{";
  expect_refused(evaluate(), "config.json");
}

TEST_F(CliBadModel, PromptsAndSamplingOptions) {
  const auto ask = [&](std::vector<std::string> more) {
    std::vector<std::string> args = {"generate", run_, "--tokens", "4"};
    args.insert(args.end(), more.begin(), more.end());
    return weft(args);
  };
  expect_refused(ask({"--prompt", ""}), "prompt");
  expect_refused(ask({"--prompt", "\xff\xfe"}), "UTF-8");
  expect_refused(ask({"--prompt", "x", "--temperature", "-1"}), "temperature");
  expect_refused(ask({"--prompt", "x", "--temperature", "nan"}), "temperature");
  expect_refused(ask({"--prompt", "x", "--top-p", "0"}), "top_p");
  expect_refused(ask({"--prompt", "x", "--min-p", "2"}), "min_p");
  expect_refused(ask({"--prompt", "x", "--top-k", "-3"}), "--top-k");
  expect_refused(ask({"--prompt", "x", "--repetition-penalty", "0"}), "repetition_penalty");
  expect_refused(ask({"--prompt", "x", "--precision", "int4"}), "--precision");
  expect_refused(weft({"generate", run_, "--prompt", "x", "--tokens", "1000000000"}), "memory");
}

TEST_F(CliBadModel, EvaluatingMoreThanThereIs) {
  const std::string text = scratch_.file("short.txt", "twenty-one characters");
  // A text shorter than a window is one shorter window: the same loss at every length from 20 on.
  const auto results = [&](const char* lengths) {
    const Output got = weft({"eval", run_, "--data", text, "--lengths", lengths, "--json"});
    EXPECT_EQ(got.code, 0) << got.err;
    return nlohmann::json::parse(got.out).at("results");
  };
  const nlohmann::json fits = results("20").at(0), beyond = results("8,500").at(1);
  EXPECT_EQ(fits.at("tokens"), 20);
  EXPECT_EQ(beyond.at("tokens"), 20);
  EXPECT_EQ(beyond.at("loss"), fits.at("loss"));
  const std::string letter = scratch_.file("letter.txt", "x");
  expect_refused(weft({"eval", run_, "--data", letter}), "at least 2 tokens, got 1");
  expect_refused(weft({"eval", run_, "--data", text, "--lengths", "8", "--precision", ""}),
                 "--precision");
}

TEST_F(CliBadModel, ForwardNamesTheFirstTensorWithANan) {
  const io::SafeTensors file = io::SafeTensors::open(weights_);
  const auto* entry = file.find("model.layers.1.mlp.up_proj.weight");
  ASSERT_NE(entry, nullptr);
  std::string bytes = good_;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  // Data stand at the end of the file, in the order of the entries.
  const auto* last = &file.entries().back();
  const size_t end_of_last = good_.size();
  const auto at = end_of_last - static_cast<size_t>(last->bytes.data() + last->bytes.size() -
                                                    entry->bytes.data());
  std::memcpy(bytes.data() + at, &nan, sizeof nan);
  bytes.replace(bytes.find("weft.xxh3"), 9, "else.xxh3");  // as another program would write it
  overwrite(bytes);
  const Tensor ids(DType::i32, {1, 3});
  const io::NamedTensor in[] = {{"tokens", ids.view()}};
  io::write_safetensors(scratch_ / "in.safetensors", in);
  expect_refused(weft({"forward", run_, "--tokens", scratch_ / "in.safetensors", "--out",
                       scratch_ / "out.safetensors"}),
                 "a NaN or an infinity in model.layers.1.mlp.up_proj.weight");
  EXPECT_FALSE(std::filesystem::exists(scratch_ / "out.safetensors"));
}

TEST_F(CliBadModel, TokensOfForward) {
  const auto forward = [&](const Tensor& ids, const char* name = "tokens") {
    const io::NamedTensor in[] = {{name, ids.view()}};
    io::write_safetensors(scratch_ / "in.safetensors", in);
    return weft({"forward", run_, "--tokens", scratch_ / "in.safetensors", "--out",
                 scratch_ / "out.safetensors"});
  };
  Tensor ids(DType::i32, {1, 3});
  EXPECT_EQ(forward(ids).code, 0);
  std::filesystem::remove(scratch_ / "out.safetensors");
  expect_refused(forward(ids, "ids"), "tokens");
  expect_refused(forward(Tensor(DType::f32, {1, 3})), "tokens");
  expect_refused(forward(Tensor(DType::i32, {3})), "tokens");
  ids.as<int32_t>()[1] = 256;
  expect_refused(forward(ids), "256");
  ids.as<int32_t>()[1] = -1;
  expect_refused(forward(ids), "-1");
  EXPECT_FALSE(std::filesystem::exists(scratch_ / "out.safetensors"));
}

}  // namespace
}  // namespace weft::system_test
