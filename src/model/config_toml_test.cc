#include "model/config_toml.h"

#include <nlohmann/json.hpp>

#include "io/toml.h"
#include "model/config_json.h"
#include "model/designs.h"
#include "model/sizes.h"
#include "model/test_models.h"

namespace weft {
namespace {

using namespace testing;

ModelConfig read(std::string_view text) {
  const io::Value root = io::parse_toml(text, "c.toml");
  return read_model(*root.find("model"), "c.toml");
}

void refused(std::string_view text, const std::vector<std::string>& parts) {
  expect_refused([&] { read(text); }, parts);
}

TEST(ReadModel, DefaultsAreThePlainTransformer) {
  const ModelConfig c = read_model({});
  EXPECT_EQ(c.vocab, 256);
  EXPECT_EQ(c.head_dim, 64);
  ASSERT_EQ(c.layer.size(), 6u);
  EXPECT_EQ(c.layer[5].kv_heads, 6);
  EXPECT_EQ(c.layer[5].position_args.number("theta"), 10000);
  EXPECT_TRUE(c.wiring.empty());
  EXPECT_EQ(c.ffn, 1024);
  EXPECT_EQ(c, design_config("transformer"));
}

struct Sizes {
  int64_t dim, heads, head_dim, kv_heads, ffn;
  bool operator==(const Sizes&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Sizes& s) {
  return out << "dim " << s.dim << ", " << s.heads << " heads of " << s.head_dim << ", "
             << s.kv_heads << " kv heads, ffn " << s.ffn;
}

Sizes sizes(const std::string& keys) {
  const ModelConfig c = read("[model]\n" + keys);
  return {c.dim, c.heads, c.head_dim, c.layer.at(0).kv_heads, c.ffn};
}

TEST(ReadModel, SizesThatAreNotGivenFollow) {
  EXPECT_EQ(sizes(""), (Sizes{384, 6, 64, 6, 1024}));
  EXPECT_EQ(sizes("dim = 128"), (Sizes{128, 2, 64, 2, 384}));
  EXPECT_EQ(sizes("dim = 64"), (Sizes{64, 1, 64, 1, 192}));
  EXPECT_EQ(sizes("dim = 768"), (Sizes{768, 12, 64, 12, 2048}));
  EXPECT_EQ(sizes("dim = 2048"), (Sizes{2048, 32, 64, 32, 5504}));  // 8/3 of it: 5461.3
  EXPECT_EQ(sizes("heads = 4"), (Sizes{384, 4, 96, 4, 1024}));
  EXPECT_EQ(sizes("dim = 96\nheads = 3"), (Sizes{96, 3, 32, 3, 256}));
  EXPECT_EQ(sizes("dim = 128\nkv_heads = 1"), (Sizes{128, 2, 64, 1, 384}));
  EXPECT_EQ(sizes("dim = 128\nffn = 344"), (Sizes{128, 2, 64, 2, 344}));
  EXPECT_EQ(usual_ffn(1), 64);
  EXPECT_EQ(usual_ffn(24), 64);
  EXPECT_EQ(usual_ffn(25), 128);
}

TEST(ReadModel, SizesThatAreGivenStand) {
  EXPECT_EQ(sizes("dim = 32\nheads = 4\nhead_dim = 16"), (Sizes{32, 4, 16, 4, 128}));
  EXPECT_EQ(sizes("head_dim = 32"), (Sizes{384, 6, 32, 6, 1024}));
  EXPECT_EQ(sizes("dim = 128\nhead_dim = 32"), (Sizes{128, 2, 32, 2, 384}));
}

TEST(ReadModel, KvHeadsFollowTheDesign) {
  EXPECT_EQ(sizes("design = 'gqa'\nheads = 8").kv_heads, 2);
  EXPECT_EQ(sizes("design = 'gqa'").kv_heads, 2);  // 6 / 4, up to a divisor
  EXPECT_EQ(sizes("design = 'gqa'\ndim = 1536").kv_heads, 6);
  EXPECT_EQ(sizes("design = 'mqa'\ndim = 128").kv_heads, 1);
  EXPECT_EQ(sizes("design = 'gqa'\nheads = 8\nkv_heads = 4").kv_heads, 4);
}

TEST(ReadModel, SizesThatCannotFollowMustBeGiven) {
  refused("[model]\ndim = 96", {"c.toml: model.heads", "model.dim = 96", "got none", "64"});
  refused("[model]\ndim = 32\nhead_dim = 16", {"model.heads", "model.dim = 32", "got none"});
  refused("[model]\nheads = 5",
          {"model.head_dim", "model.dim = 384", "model.heads = 5", "got none"});
  refused("[model]\ndim = 1\nheads = 2", {"model.head_dim", "got none"});
  refused("[model]\nheads = 128",
          {"model.head_dim", "even", "got 3", "model.dim / model.heads is 384 / 128"});
  refused("[model]\ndim = 131072", {"model.heads", "from 1 to 1024", "2048"});
}

TEST(ReadModel, AWiringBesideADesignReplacesTheDesigns) {
  EXPECT_EQ(read("[model]\ndesign = 'resformer'").wiring.at(0).name, "value-residual");
  EXPECT_TRUE(read("[model]\ndesign = 'resformer'\nwiring = []").wiring.empty());
  EXPECT_EQ(read("[model]\ndesign = 'resformer'\nwiring = 'skipv1'").wiring.at(0).name, "skipv1");
  const ModelConfig c =
      read("[model]\ndesign = 'resformer'\n[model.wiring_args.value-residual]\nvariant = 'sparse'");
  EXPECT_EQ(c.wiring.at(0).args.number("lambda"), 5);
  EXPECT_EQ(c.wiring.at(0).args.list("layers"), (std::vector<int64_t>{4, 5}));
}

TEST(ReadModel, LayersOverrideInOrder) {
  const ModelConfig c = read(R"([model]
layers = 4
position_args = { theta = 500 }
[[model.layer]]
layers = [1, 2]
window = 32
position_args = { theta = 20000.0 }
[[model.layer]]
layers = 2
position = "none"
kv_heads = 2
[[model.layer]]
layers = [3]
mechanism = "stick-breaking"
mechanism_args = { inclusive = true })");
  EXPECT_EQ(c.layer[0].position_args.number("theta"), 500);
  EXPECT_EQ(c.layer[1].position_args.number("theta"), 20000);
  EXPECT_EQ(c.layer[1].window, 32);
  EXPECT_EQ(c.layer[2].position, "none");
  EXPECT_EQ(c.layer[2].kv_heads, 2);
  EXPECT_EQ(c.layer[2].window, 32);
  EXPECT_TRUE(c.layer[3].mechanism_args.flag("inclusive"));
  EXPECT_EQ(c.layer[3].position_args.number("theta"), 500);
}

TEST(ReadModel, MistakesAreRefusedWithTheirLine) {
  refused("[model]\nhaeds = 4", {"c.toml:2: model.haeds", "did you mean \"heads\""});
  refused("[model]\nheads = 4.0", {"c.toml:2: model.heads", "an integer", "4"});
  refused("[model]\nheads = 0", {"c.toml:2: model.heads", "from 1", "0"});
  refused("[model]\nvocab = 1", {"model.vocab", "from 2"});
  refused("[model]\ntie_embeddings = 1", {"model.tie_embeddings", "true or false"});
  refused("[model]\nheads = 6\nkv_heads = 4",
          {"model.kv_heads", "a divisor of model.heads = 6", "4"});
  refused("[model]\nheads = 4\nhead_dim = 7", {"model.head_dim", "even", "7"});
  refused("[model]\nnorm_eps = 0", {"model.norm_eps", "0"});
  refused("[model]\nnorm_eps = nan", {"model.norm_eps", "nan"});
  refused("[model]\nwindow = -1", {"model.window", "-1"});
  refused("[model]\ndim = 9000000000", {"model.dim", "9000000000"});
  refused("[model]\nlayers = 1000\nheads = 1000\nhead_dim = 64", {"model.heads", "at most 65"});
  refused("[model]\nvocab = 9223372036854775807", {"model.vocab", "9223372036854775807"});
  refused("[model]\ndesign = 'reformer'", {"model.design", "did you mean \"resformer\""});
  refused("[model]\ndesign = 3", {"c.toml:2: model.design", "a string", "3"});
  refused("[model]\nmechanism = 'softmacks'", {"mechanism", "softmacks"});
  refused("[model]\nposition = 'ropes'", {"position", "did you mean \"rope\""});
  refused("[model]\nwiring = ['value_residual']", {"did you mean \"value-residual\""});
  refused("[model]\nwiring = [1]", {"model.wiring", "a list of strings"});
  refused("[model]\nwiring = ['skipv1', 'skipv1']",
          {"model.wiring", "every wiring once", "skipv1"});
  refused("[model]\n[model.wiring_args.skipv1]\nfraction = 0.5",
          {"model.wiring_args.skipv1", "a known key"});
  refused("[model]\nmechanism_args = { inclusive = true }", {"model.mechanism_args", "inclusive"});
  refused("[model]\nposition_args = { theta = 'a' }", {"model.position_args.theta", "a number"});
  refused("[model]\nposition_args = 3", {"model.position_args", "a table"});
  refused("[model]\nposition_args = { theta = [1.5] }", {"model.position_args.theta", "list"});
  refused("[model]\nlayer = 3", {"model.layer", "[[model.layer]]"});
  refused("[model]\n[[model.layer]]\nwindow = 3", {"model.layer.layers", "none"});
  refused("[model]\n[[model.layer]]\nlayers = [6]", {"model.layer.layers", "0 to 5", "6"});
  refused("[model]\n[[model.layer]]\nlayers = []", {"model.layer.layers", "empty"});
  refused("[model]\n[[model.layer]]\nlayers = [1]\nheads = 2", {"c.toml:4: model.layer.heads"});
  expect_refused(
      [] {
        read_model({std::string("x"), 1}, "c.toml");
      },
      {"model", "a table", "a string"});
}

// Every design, and settings beyond them, come back equal from TOML text and from JSON.
TEST(WriteModel, RoundTrips) {
  std::vector<ModelConfig> configs;
  for (const Design& d : designs()) configs.push_back(design_config(d.name));
  for (const char* text :
       {"[model]\nwiring = ['value-residual']\nwiring_args.value-residual = { variant = 'sparse', "
        "lambda = 3 }",
        "[model]\nwiring = ['skip-kv', 'value-residual']\nwiring_args.skip-kv = { values_only = "
        "true }",
        "[model]\nwiring = ['shared-value']\nwiring_args.shared-value = { anchors = [3] }",
        "[model]\ntie_embeddings = true\nnorm_eps = 1e-6\nposition_args = { theta = 12345.678 }",
        "[model]\nmechanism = 'stick-breaking'\nmechanism_args = { remainder = 'learned' }\n"
        "[[model.layer]]\nlayers = [1, 4]\nmechanism = 'softmax'\nwindow = 7\n"
        "[[model.layer]]\nlayers = [2]\nkv_heads = 3\nposition = 'none'"}) {
    configs.push_back(read(text));
  }
  for (const ModelConfig& c : configs) {
    io::Value root;
    root.at("model") = write_model(c);
    EXPECT_EQ(read(io::to_toml(root)), c) << io::to_toml(root);
    const nlohmann::json j = config_to_json(c, DType::f32);
    EXPECT_EQ(config_from_json(nlohmann::json::parse(j.dump()), "config.json"), c) << j.dump();
    EXPECT_NO_THROW(derive_layout(c)) << c.design;
  }
}

TEST(ConfigJson, APlainModelIsALlama) {
  const nlohmann::json j = config_to_json(design_config("gqa"), DType::bf16);
  EXPECT_EQ(j["architectures"][0], "LlamaForCausalLM");
  EXPECT_EQ(j["num_key_value_heads"], 2);
  EXPECT_EQ(j["torch_dtype"], "bfloat16");
  EXPECT_EQ(config_to_json(design_config("svformer"), DType::f32)["model_type"], "weft");
}

TEST(ConfigJson, ReadsALlamaOfAnotherProgram) {
  nlohmann::json j = config_to_json(design_config("gqa"), DType::f32);
  j.erase("weft");
  j["rope_theta"] = 500000.0;
  j["rope_scaling"] = nullptr;
  j.erase("head_dim");
  j["num_attention_heads"] = 4;
  const ModelConfig c = config_from_json(j, "config.json");
  EXPECT_EQ(c.head_dim, 96);  // as in the other program: hidden_size / num_attention_heads
  EXPECT_EQ(c.layer[0].kv_heads, 2);
  EXPECT_EQ(c.layer[0].position_args.number("theta"), 500000);
  const auto refuses = [&](const char* key, nlohmann::json value,
                           const std::vector<std::string>& parts) {
    nlohmann::json bad = j;
    bad[key] = std::move(value);
    expect_refused([&] { config_from_json(bad, "config.json"); }, parts);
  };
  refuses("model_type", "gpt2", {"config.json: model_type", "gpt2"});
  refuses("hidden_act", "gelu", {"hidden_act", "silu", "gelu"});
  refuses("attention_bias", true, {"attention_bias", "false"});
  refuses("rope_scaling", {{"factor", 2}}, {"rope_scaling"});
  refuses("hidden_size", "wide", {"hidden_size", "wide"});
  refuses("hidden_size", nullptr, {"hidden_size", "missing"});
  refuses("vocab_size", uint64_t{1} << 63, {"vocab_size"});
  expect_refused([] { config_from_json(nlohmann::json::array(), "config.json"); }, {"a table"});
}

}  // namespace
}  // namespace weft
