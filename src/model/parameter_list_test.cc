#include "model/parameter_list.h"

#include <algorithm>
#include <set>

#include "model/test_models.h"

namespace weft {
namespace {

using namespace testing;

std::vector<ParameterSpec> list_of(const ModelConfig& c) {
  return parameter_list(c, derive_layout(c));
}

const ParameterSpec* find(const std::vector<ParameterSpec>& list, const std::string& name) {
  const auto it = std::find_if(list.begin(), list.end(),
                               [&](const ParameterSpec& p) { return p.name == name; });
  return it == list.end() ? nullptr : &*it;
}

TEST(ParameterList, NamesAndShapesOfThePlainBlock) {
  const std::vector<ParameterSpec> list = list_of(plain({1, 4, 32, 24, 11, 2}));
  const std::vector<std::pair<std::string, Shape>> want = {
      {"model.embed_tokens.weight", {11, 32}},
      {"model.layers.0.input_layernorm.weight", {32}},
      {"model.layers.0.self_attn.q_proj.weight", {32, 32}},
      {"model.layers.0.self_attn.k_proj.weight", {16, 32}},
      {"model.layers.0.self_attn.v_proj.weight", {16, 32}},
      {"model.layers.0.self_attn.o_proj.weight", {32, 32}},
      {"model.layers.0.post_attention_layernorm.weight", {32}},
      {"model.layers.0.mlp.gate_proj.weight", {24, 32}},
      {"model.layers.0.mlp.up_proj.weight", {24, 32}},
      {"model.layers.0.mlp.down_proj.weight", {32, 24}},
      {"model.norm.weight", {32}},
      {"lm_head.weight", {11, 32}}};
  ASSERT_EQ(list.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(list[i].name, want[i].first);
    EXPECT_EQ(list[i].shape, want[i].second) << list[i].name;
    const bool matrix = list[i].shape.rank() == 2;
    EXPECT_EQ(list[i].decay, matrix && i != 0) << list[i].name;
    EXPECT_EQ(list[i].init, matrix ? Init::normal : Init::ones) << list[i].name;
  }
}

TEST(ParameterList, ATiedHeadIsNoTensor) {
  ModelConfig c = plain({1, 4, 32, 24, 11});
  c.tie_embeddings = true;
  EXPECT_EQ(find(list_of(c), "lm_head.weight"), nullptr);
}

TEST(ParameterList, WhatAWiringMakesUnnecessaryDoesNotExist) {
  const std::vector<ParameterSpec> list = list_of(with(plain({3, 4, 32, 24, 11}), "shared-value"));
  EXPECT_NE(find(list, "model.layers.0.self_attn.v_proj.weight"), nullptr);
  EXPECT_EQ(find(list, "model.layers.1.self_attn.v_proj.weight"), nullptr);
  EXPECT_NE(find(list, "model.layers.1.self_attn.k_proj.weight"), nullptr);
}

TEST(ParameterList, AHeadKeepsItsElementsWhicheverOthersExist) {
  Axes axes;
  axes.wirings.add({"test-middle", "", "", {}, [](const ModelConfig&, const Args&) {
                      return Wiring{"test-middle", {{{Port::v, 1}, {{{Port::v, 0}}}, {1, 2}}}, {}};
                    }});
  const ModelConfig c = with(plain({2, 4, 32, 24, 11}), "test-middle", {}, axes);
  const std::vector<ParameterSpec> list = parameter_list(c, derive_layout(c, axes), axes);
  const ParameterSpec& v = *find(list, "model.layers.1.self_attn.v_proj.weight");
  EXPECT_EQ(v.rows_from, (std::vector<int>{0, 2, 3}));
  EXPECT_EQ(v.shape, (Shape{24, 32}));
  EXPECT_EQ(v.full_element(5), 5);
  EXPECT_EQ(v.full_element(8 * 32), 2 * 8 * 32);  // the first row of head 2
  EXPECT_EQ(v.full_element(24 * 32 - 1), 32 * 32 - 1);
  EXPECT_EQ(find(list, "model.layers.1.self_attn.q_proj.weight")->full_element(777), 777);
}

TEST(ParameterList, GainsStandBeforeTheFinalNormWithoutDecay) {
  const std::vector<ParameterSpec> list =
      list_of(with(plain({3, 4, 32, 24, 11}), "value-residual", {{"variant", "learnable"}}));
  const ParameterSpec& gains = *find(list, "model.wiring.value-residual.gains");
  EXPECT_EQ(gains.shape, (Shape{2, 2}));
  EXPECT_EQ(gains.values, std::vector<double>(4, 0.5));
  EXPECT_TRUE(gains.gain);
  EXPECT_FALSE(gains.decay);
  EXPECT_EQ(list[list.size() - 2].name, "model.norm.weight");
}

TEST(ParameterList, AMechanismBringsItsOwn) {
  ModelConfig c = plain({2, 4, 32, 24, 11});
  const Axes axes;
  c.layer[1].mechanism = "stick-breaking";
  c.layer[1].mechanism_args =
      Args("", axes.mechanisms.find("stick-breaking").args, {{"remainder", "learned"}});
  const std::vector<ParameterSpec> list = list_of(c);
  EXPECT_EQ(find(list, "model.layers.0.self_attn.remainder"), nullptr);
  const ParameterSpec& remainder = *find(list, "model.layers.1.self_attn.remainder");
  EXPECT_EQ(remainder.shape, (Shape{4, 8}));
  EXPECT_EQ(remainder.init, Init::zeros);
  EXPECT_FALSE(remainder.decay);
}

TEST(ParameterList, NamesAreUnique) {
  const std::vector<ParameterSpec> list = list_of(with(plain({5, 4, 32, 24, 11}), "skip-kv"));
  std::set<std::string> names;
  for (const ParameterSpec& p : list) EXPECT_TRUE(names.insert(p.name).second) << p.name;
}

}  // namespace
}  // namespace weft
