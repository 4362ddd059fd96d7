// Loops: a map from executed layers to blocks of weights.
#include "model/loop.h"

#include <nlohmann/json.hpp>

#include "io/toml.h"
#include "model/config_json.h"
#include "model/config_toml.h"
#include "model/draw.h"
#include "model/explain.h"
#include "model/test_models.h"

namespace weft {
namespace {

using namespace testing;

ModelConfig read(const std::string& text) {
  const io::Value root = io::parse_toml("[model]\n" + text, "c.toml");
  return read_model(*root.find("model"), "c.toml");
}

ModelConfig looped(int64_t first, int64_t last, int64_t repeats, bool inject = false) {
  ModelConfig c = plain({4, 2, 16, 8, 11});
  c.loop = {first, last, repeats, inject};
  c.layer.assign(static_cast<size_t>(c.depth()), c.layer.front());
  return c;
}

// The same executed layers, each with weights of its own.
ModelConfig unrolled(ModelConfig c) {
  c.layers = c.depth();
  c.loop = {};
  return c;
}

TEST(Loop, MapsExecutedLayersToBlocks) {
  const auto blocks = [](const ModelConfig& c) {
    std::vector<int64_t> list;
    for (int64_t l = 0; l < c.depth(); ++l) list.push_back(c.block_of(l));
    return list;
  };
  using List = std::vector<int64_t>;
  EXPECT_EQ(blocks(looped(0, 0, 1)), (List{0, 1, 2, 3}));
  EXPECT_EQ(blocks(looped(0, 3, 1)), (List{0, 1, 2, 3}));
  EXPECT_EQ(blocks(looped(1, 2, 3)), (List{0, 1, 2, 1, 2, 1, 2, 3}));
  EXPECT_EQ(blocks(looped(0, 3, 2)), (List{0, 1, 2, 3, 0, 1, 2, 3}));
  EXPECT_EQ(blocks(looped(3, 3, 4)), (List{0, 1, 2, 3, 3, 3, 3}));
}

TEST(Loop, IsReadWithItsDefaultsAndComesBack) {
  EXPECT_EQ(read("layers = 3").loop, LoopConfig());
  EXPECT_EQ(read("layers = 3\n[model.loop]\nrepeats = 2").loop, (LoopConfig{0, 2, 2, false}));
  const ModelConfig c = read(R"(layers = 4
wiring = "value-residual"
[model.loop]
first = 1
last = 2
repeats = 3
inject = true
[[model.layer]]
layers = [2]
window = 5
[[model.layer]]
layers = [3]
kv_heads = 2
[[model.mix]]
to = "k[7]"
terms = [{ from = "k[7]", scale = 2 }]
)");
  ASSERT_EQ(c.layer.size(), 8u);
  for (const size_t l : {2u, 4u, 6u}) EXPECT_EQ(c.layer[l].window, 5) << l;
  for (const size_t l : {0u, 1u, 3u, 5u, 7u}) EXPECT_EQ(c.layer[l].window, 0) << l;
  EXPECT_EQ(c.layer[7].kv_heads, 2);
  io::Value root;
  root.at("model") = write_model(c);
  EXPECT_EQ(read_model(*io::parse_toml(io::to_toml(root), "again").find("model")), c)
      << io::to_toml(root);
  const nlohmann::json j = config_to_json(c, DType::f32);
  EXPECT_EQ(config_from_json(nlohmann::json::parse(j.dump()), "config.json"), c) << j.dump();
}

TEST(Loop, OnlyOneThatRunsOnceIsALlama) {
  EXPECT_EQ(config_to_json(looped(1, 2, 1), DType::f32)["model_type"], "llama");
  const nlohmann::json j = config_to_json(looped(1, 2, 2), DType::f32);
  EXPECT_EQ(j["model_type"], "weft");
  EXPECT_EQ(j["architectures"][0], "WeftForCausalLM");
  EXPECT_EQ(j["num_hidden_layers"], 4);  // in the file
}

TEST(Loop, RefusesWhatCannotBe) {
  const auto refused = [](const std::string& text, const std::vector<std::string>& parts) {
    expect_refused([&] { read("layers = 4\n" + text); }, parts);
  };
  refused("loop = 2", {"model.loop", "a table"});
  refused("[model.loop]\nfirst = 4", {"c.toml:4: model.loop.first", "0 to 3", "4"});
  refused("[model.loop]\nfirst = -1", {"model.loop.first"});
  refused("[model.loop]\nfirst = 2\nlast = 1", {"model.loop.last", "2 to 3", "1"});
  refused("[model.loop]\nrepeats = 0", {"model.loop.repeats", "0"});
  refused("[model.loop]\nrepeats = 257", {"model.loop.repeats", "1 to 256"});
  refused("[model.loop]\nlast = 0\nrepeats = 1022", {"model.loop.repeats", "1 to 1021"});
  refused("[model.loop]\nrepeats = 9223372036854775807", {"model.loop.repeats"});
  refused("[model.loop]\ninject = 1", {"model.loop.inject", "true or false"});
  refused("[model.loop]\nturns = 2", {"model.loop.turns", "a known key"});
  refused("heads = 1024\nhead_dim = 2\n[model.loop]\nrepeats = 17",
          {"model.heads", "with 68 layers"});
  refused("[model.loop]\nrepeats = 2\n[[model.layer]]\nlayers = [4]\nwindow = 1",
          {"model.layer.layers", "0 to 3"});
  ModelConfig c = looped(1, 2, 2);
  c.loop.repeats = int64_t{1} << 62;
  expect_refused([&] { derive_layout(c); }, {"model.loop.repeats", "1 to 1024"});
  c.loop.repeats = 1024;
  expect_refused([&] { derive_layout(c); }, {"model.loop.repeats", "1024 executed layers"});
  c = looped(1, 2, 2);
  c.layer[3].window = 5;
  expect_refused([&] { derive_layout(c); }, {"model.layer", "layers 1 and 3 alike", "block 1"});
  c = looped(1, 2, 2);
  c.layer.pop_back();
  expect_refused([&] { derive_layout(c); }, {"model.layer", "one entry for each of 6 layers"});
}

TEST(Loop, WeightsAreThoseOfTheBlocks) {
  const ModelConfig c = looped(1, 2, 3), blocks = plain({4, 2, 16, 8, 11});
  const auto got = parameter_list(c, derive_layout(c));
  const auto want = parameter_list(blocks, derive_layout(blocks));
  ASSERT_EQ(got.size(), want.size());
  for (size_t p = 0; p < got.size(); ++p) {
    EXPECT_EQ(got[p].name, want[p].name);
    EXPECT_EQ(got[p].shape, want[p].shape);
    const bool inside = got[p].name.find("layers.1.") != std::string::npos ||
                        got[p].name.find("layers.2.") != std::string::npos;
    EXPECT_EQ(got[p].uses, inside ? 3 : 1) << got[p].name;
  }
}

// What one pass over the network costs and keeps does not depend on where the weights come from.
TEST(Loop, CostsWhatTheUnrolledModelCosts) {
  for (const char* wiring : {"", "value-residual", "shared-value"}) {
    for (const bool inject : {false, true}) {
      ModelConfig c = looped(1, 2, 3, inject);
      c.layer[2].window = c.layer[4].window = c.layer[6].window = 8;
      if (*wiring != 0) c = with(c, wiring);
      const Layout layout = derive_layout(c);
      ModelConfig deep = unrolled(c);
      if (inject) {
        for (const char* start : {"x[3]", "x[5]"}) {
          deep.mixes.push_back({"", start, {}, {{"x[1]"}, {"x[l]"}}});
        }
      }
      const Explanation e = explain(c, layout, 100), f = explain(deep, derive_layout(deep), 100);
      EXPECT_EQ(e.training_flops, f.training_flops) << wiring;
      EXPECT_EQ(e.decode_flops, f.decode_flops) << wiring;
      EXPECT_EQ(e.weights_read_per_token, f.weights_read_per_token) << wiring;
      EXPECT_EQ(e.cache_total, f.cache_total) << wiring;
      EXPECT_EQ(e.cache_read_per_token, f.cache_read_per_token) << wiring;
      EXPECT_LT(e.parameters, f.parameters) << wiring;
      EXPECT_EQ(draw_wiring(c, layout), draw_wiring(deep, derive_layout(deep)));
      EXPECT_NE(explain_text(c, e).find("8 layers"), std::string::npos);
      EXPECT_NE(explain_text(c, e).find("loop: 4 blocks, 1 to 2 run 3 times"), std::string::npos);
    }
  }
}

// A block owns the heads that any of its executions needs; the others do not compute them.
TEST(Loop, ProjectionsAreTheUnionOfTheExecutions) {
  const ModelConfig shared = with(looped(0, 3, 2), "shared-value");
  const Layout layout = derive_layout(shared);
  EXPECT_EQ(layout.v_heads[0], (std::vector<int>{0, 1}));
  for (size_t l = 1; l < 8; ++l) EXPECT_TRUE(layout.v_heads[l].empty()) << l;
  for (const ParameterSpec& p : parameter_list(shared, layout)) {
    if (p.name.find("v_proj") == std::string::npos) continue;
    EXPECT_EQ(p.name, "model.layers.0.self_attn.v_proj.weight");
    EXPECT_EQ(p.uses, 1);
  }
  // Executed layer 0 keeps all its heads, layer 4 (the same block) only the first would be needed.
  const ModelConfig skipping = with(looped(0, 3, 2), "skip-kv", {{"source", std::string("final")}});
  const Layout half = derive_layout(skipping);
  EXPECT_EQ(half.k_heads[0], (std::vector<int>{0, 1}));
  EXPECT_EQ(half.k_heads[4], (std::vector<int>{0, 1}));
  EXPECT_EQ(half.k_heads[1], (std::vector<int>{0}));
  EXPECT_EQ(half.k_heads[5], (std::vector<int>{0}));
}

TEST(Loop, InjectionIsAMixOnTheInput) {
  const Wiring w = loop_injection(looped(1, 2, 3, true));
  ASSERT_EQ(w.mixes.size(), 2u);
  EXPECT_EQ(w.mixes[1].destination, (Tap{Port::x, 5}));
  ASSERT_EQ(w.mixes[1].terms.size(), 2u);
  EXPECT_EQ(w.mixes[1].terms[0].source, (Tap{Port::x, 1}));
  EXPECT_EQ(w.mixes[1].terms[1].source, (Tap{Port::x, 5}));
  ModelConfig c = looped(1, 2, 3, true);
  c.mixes.push_back({"", "x[3]", {}, {{"x[0]"}, {"x[l]"}}});
  expect_refused([&] { derive_layout(c); }, {"mix", "loop", "layer 3, x", "one blend on a head"});
}

}  // namespace
}  // namespace weft
