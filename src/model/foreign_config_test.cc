// config.json of other programs: every key is read, harmless, or refused with what it would change.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "io/json.h"
#include "io/testing.h"
#include "model/config_json.h"
#include "model/config_toml.h"

namespace weft {
namespace {

using io::expect_error;
using nlohmann::json;

// As transformers 5 writes it.
json llama() {
  return json::parse(R"({
    "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
    "bos_token_id": 1, "eos_token_id": 2, "dtype": "float32", "head_dim": 8, "hidden_act": "silu",
    "hidden_size": 32, "initializer_range": 0.02, "intermediate_size": 48,
    "max_position_embeddings": 512, "mlp_bias": false, "model_type": "llama",
    "num_attention_heads": 4, "num_hidden_layers": 2, "num_key_value_heads": 2,
    "pad_token_id": null, "pretraining_tp": 1, "rms_norm_eps": 1e-06,
    "rope_parameters": {"rope_theta": 500000.0, "rope_type": "default"},
    "tie_word_embeddings": false, "transformers_version": "5.24.0", "use_cache": true,
    "vocab_size": 64})");
}

ModelConfig read(const json& j) {
  return config_from_json(j, "config.json");
}

json with(json j, const json& patch) {
  j.update(patch);
  return j;
}

json without(json j, const char* key) {
  j.erase(key);
  return j;
}

double theta(const ModelConfig& c) {
  return c.layer[0].position_args.number("theta");
}

void refused(const json& patch, const std::vector<std::string>& parts, const json& from = llama()) {
  for (const std::string& part : parts) {
    expect_error(ErrorCode::config, part, [&] { read(with(from, patch)); });
  }
}

TEST(ForeignConfig, IsReadAsTransformers5WritesIt) {
  const ModelConfig c = read(llama());
  EXPECT_EQ(c.dim, 32);
  EXPECT_EQ(c.heads, 4);
  EXPECT_EQ(c.head_dim, 8);
  EXPECT_EQ(c.layer[0].kv_heads, 2);
  EXPECT_EQ(c.context, 512);
  EXPECT_EQ(c.norm_eps, 1e-6);
  EXPECT_FALSE(c.tie_embeddings);
  EXPECT_EQ(theta(c), 500000);
}

TEST(ForeignConfig, WhatIsAbsentHasTheDefaultOfTheFamily) {
  const ModelConfig c = read(json::parse(
      R"({"model_type": "llama", "hidden_size": 48, "intermediate_size": 64, "vocab_size": 64,
          "num_attention_heads": 4, "num_hidden_layers": 1, "head_dim": null,
          "num_key_value_heads": null, "rope_scaling": null})"));
  EXPECT_EQ(c.head_dim, 12);
  EXPECT_EQ(c.layer[0].kv_heads, 4);
  EXPECT_EQ(c.context, 2048);
  EXPECT_EQ(c.norm_eps, 1e-6);
  EXPECT_FALSE(c.tie_embeddings);
  EXPECT_EQ(theta(c), 10000);
}

TEST(ForeignConfig, TheRotaryBaseIsFoundWhereverItStands) {
  const json none = without(llama(), "rope_parameters");
  EXPECT_EQ(theta(read(none)), 10000);
  EXPECT_EQ(theta(read(with(none, {{"rope_theta", 1000}}))), 1000);
  EXPECT_EQ(theta(read(with(none, {{"rope_parameters", {{"rope_theta", 777.5}}}}))), 777.5);
  const json inside{{"rope_type", "default"}, {"rope_theta", 300}};
  EXPECT_EQ(theta(read(with(none, {{"rope_scaling", inside}}))), 300);
  EXPECT_EQ(theta(read(with(none, {{"rope_scaling", inside}, {"rope_theta", 300.0}}))), 300);
  EXPECT_EQ(theta(read(with(none, {{"rope_scaling", {{"type", "linear"}, {"factor", 1.0}}}}))),
            10000);
  refused({{"rope_theta", 10000.0}}, {"rope_theta", "500000", "10000", "rope_parameters"});
  refused({{"rope_scaling", inside}}, {"rope_scaling.rope_theta", "500000", "300"});
}

TEST(ForeignConfig, ScaledRotaryPositionsAreRefusedWithWhatTheyWouldChange) {
  for (const char* type :
       {"linear", "dynamic", "yarn", "longrope", "su", "llama3", "mrope", "odd"}) {
    const json table{{"rope_type", type}, {"factor", 8.0}, {"rope_theta", 500000.0}};
    refused({{"rope_parameters", table}}, {"rope_parameters.rope_type", type});
    refused({{"rope_scaling", {{"type", type}, {"factor", 2.0}}}}, {"rope_scaling.rope_type", type},
            without(llama(), "rope_parameters"));
  }
  refused({{"rope_scaling", {{"factor", 2}}}}, {"rope_scaling.factor"});
  refused({{"rope_scaling", 2}}, {"rope_scaling", "a table"});
  refused({{"rope_parameters", {{"rope_type", 5}}}}, {"rope_parameters.rope_type", "a string"});
  refused({{"rope_parameters", {{"rope_type", "default"}, {"type", "linear"}}}}, {"linear"});
  refused({{"rope_parameters", {{"partial_rotary_factor", 0.5}}}}, {"a part of each head"});
  refused({{"rope_parameters", {{"full_attention", {{"rope_theta", 1e6}}}}}},
          {"rope_parameters.full_attention", "layers"});
}

TEST(ForeignConfig, BadNumbersAreRefusedByName) {
  for (const json& bad : {json("10000"), json(-1.0), json(0), json(true), json(json::array())}) {
    refused({{"rope_theta", bad}}, {"rope_theta", "a number from 1"},
            without(llama(), "rope_parameters"));
    refused({{"rope_parameters", {{"rope_theta", bad}}}}, {"rope_parameters.rope_theta"});
  }
  for (const char* key : {"hidden_size", "vocab_size", "num_hidden_layers", "rms_norm_eps",
                          "tie_word_embeddings", "max_position_embeddings", "rope_theta"}) {
    refused({{key, nullptr}}, {key, "null"});
    refused({{key, "wide"}}, {key, "wide"}, without(llama(), "rope_parameters"));
  }
  for (const char* key : {"hidden_size", "vocab_size", "intermediate_size", "num_hidden_layers"}) {
    expect_error(ErrorCode::config, key, [&] { read(without(llama(), key)); });
    refused({{key, 0}}, {key});
    refused({{key, 32.5}}, {key});
  }
  refused({{"vocab_size", uint64_t{1} << 63}}, {"vocab_size"});
  refused({{"rms_norm_eps", -1e-6}}, {"rms_norm_eps"});
  refused({{"num_key_value_heads", 3}}, {"kv_heads"});
  refused({{"head_dim", nullptr}, {"hidden_size", 33}}, {"hidden_size", "a multiple"});
  for (const char* number : {"1e400", "NaN", "Infinity"}) {
    expect_error(ErrorCode::input, "config.json", [&] {
      io::parse_json(std::string("{\"rope_theta\": ") + number + "}", "config.json");
    });
  }
}

// Each with a value that does nothing, one that would, and a word of what it would change.
TEST(ForeignConfig, FeaturesThatALlamaOfOursLacksAreRefusedByName) {
  struct Case {
    const char* key;
    json harmless, harmful;
    const char* effect;
  };
  const Case cases[] = {
      {"attention_bias", false, true, "biases"},
      {"mlp_bias", false, true, "biases"},
      {"hidden_act", "silu", "gelu", "activation"},
      {"sliding_window", nullptr, 4096, "window"},
      {"layer_types", json::parse(R"(["full_attention", "full_attention"])"),
       json::parse(R"(["full_attention", "sliding_attention"])"), "attend otherwise"},
      {"partial_rotary_factor", 1.0, 0.5, "a part of each head"},
      {"quantization_config", nullptr, {{"bits", 4}}, "integers"},
      {"embedding_multiplier", 1, 12.0, "scaled"},
      {"final_logit_softcapping", nullptr, 30.0, "capped"},
      {"num_local_experts", nullptr, 8, "experts"},
      {"pruned_heads", json::object(), {{"0", {1}}}, "missing"},
      {"auto_map", nullptr, {{"AutoModel", "m.M"}}, "Python"},
  };
  for (const Case& c : cases) {
    EXPECT_NO_THROW(read(with(llama(), {{c.key, c.harmless}}))) << c.key;
    refused({{c.key, c.harmful}}, {c.key, c.effect});
  }
  EXPECT_NO_THROW(read(with(llama(), {{"pretraining_tp", 2}, {"attention_dropout", 0.1}})));
}

TEST(ForeignConfig, KeysOfUnknownEffectAreRefusedWithTheNearestKnown) {
  refused({{"rope_tetha", 10000}}, {"\"rope_tetha\"", "did you mean rope_theta?"});
  refused({{"use_new_attention", true}}, {"\"use_new_attention\"", "remove it"});
  refused({{"some\nthing", nullptr}}, {"not"});
}

TEST(ForeignConfig, OtherFamiliesAreRefusedWithWhatWouldBeMisread) {
  refused({{"model_type", "qwen2"}}, {"model_type", "qwen2", "biases"});
  refused({{"model_type", "gpt2"}}, {"gpt2", "LayerNorm"});
  refused({{"model_type", "gemma"}}, {"gemma", "embeddings"});
  refused({{"model_type", "weft"}}, {"a table \"weft\""});
  refused({{"model_type", 5}}, {"model_type"});
  refused({{"architectures", {"LlamaForSequenceClassification"}}}, {"architectures", "head"});
  refused({{"architectures", "LlamaForCausalLM"}}, {"architectures"});
  expect_error(ErrorCode::config, "model_type", [] { read(without(llama(), "model_type")); });
  expect_error(ErrorCode::config, "a table", [] { read(json::array()); });
}

json ours(const char* design = "gqa") {
  return config_to_json(design_config(design), DType::f32);
}

TEST(OwnConfig, OuterKeysAndOurTableMustAgree) {
  EXPECT_NO_THROW(read(ours()));
  EXPECT_NO_THROW(read(ours("alibi")));
  const std::pair<const char*, json> edits[] = {{"hidden_size", 128},
                                                {"num_hidden_layers", 2},
                                                {"num_attention_heads", 3},
                                                {"num_key_value_heads", 6},
                                                {"head_dim", 32},
                                                {"vocab_size", 320},
                                                {"intermediate_size", 512},
                                                {"max_position_embeddings", 4096},
                                                {"rms_norm_eps", 1e-6},
                                                {"rope_theta", 500000.0},
                                                {"tie_word_embeddings", true},
                                                {"architectures", {"GPT2LMHeadModel"}},
                                                {"model_type", "gpt2"},
                                                {"hidden_act", "gelu"},
                                                {"rope_parameters", {{"rope_theta", 2e4}}}};
  for (const auto& [key, value] : edits) {
    const std::string name = std::string(key) == "rope_parameters" ? "rope_theta" : key;
    refused({{key, value}}, {name}, ours());
  }
  refused({{"hidden_size", 128}}, {"expected 384", "got 128", "weft"}, ours());
  refused({{"rope_scaling", {{"type", "linear"}, {"factor", 4}}}}, {"rope_scaling"}, ours());
  json inner = ours();
  inner["weft"]["dim"] = 128;
  expect_error(ErrorCode::config, "hidden_size", [&] { read(inner); });
}

// transformers keeps our table when it saves a model that it has opened.
TEST(OwnConfig, IsReadAsTransformersSavesIt) {
  json j = with(ours(), {{"attention_bias", false},
                         {"rope_parameters", {{"rope_theta", 10000.0}, {"rope_type", "default"}}},
                         {"dtype", "bfloat16"},
                         {"transformers_version", "5.24.0"},
                         {"pad_token_id", nullptr}});
  j.erase("rope_theta");
  j.erase("torch_dtype");
  EXPECT_EQ(read(j), design_config("gqa"));
}

TEST(OwnConfig, SaysWhichShapesTransformersRefuses) {
  ModelConfig c = design_config("transformer");
  EXPECT_EQ(refused_elsewhere(c), "");
  c.heads = 5;
  EXPECT_NE(refused_elsewhere(c).find("384"), std::string::npos);
  EXPECT_NE(refused_elsewhere(c).find("5"), std::string::npos);
  c = design_config("resformer");  // opens there after a conversion only
  c.heads = 5;
  EXPECT_EQ(refused_elsewhere(c), "");
}

}  // namespace
}  // namespace weft
