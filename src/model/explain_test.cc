#include "model/explain.h"

#include <algorithm>
#include <sstream>

#include "model/config_toml.h"
#include "model/designs.h"
#include "model/draw.h"
#include "model/test_models.h"

namespace weft {
namespace {

using namespace testing;

Explanation explained(const ModelConfig& c, int64_t context = 0, size_t element = 2) {
  return explain(c, derive_layout(c), context, element);
}

// Columns of a line: bytes that do not continue a UTF-8 sequence.
size_t columns(const std::string& line) {
  size_t n = 0;
  for (const char c : line) n += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
  return n;
}

void expect_narrow(const std::string& text, size_t width) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(columns(line), width) << line;
}

TEST(Explain, GroupsAddUpToTheTotal) {
  const Explanation e = explained(plain(k82M));
  EXPECT_EQ(e.parameters, 81901056);
  int64_t sum = 0;
  for (const int64_t n : e.by_group) sum += n;
  EXPECT_EQ(sum, e.parameters);
  EXPECT_EQ(e.by_group[0], 50277 * 512);
  EXPECT_EQ(e.by_group[3], (2 * 8 + 1) * 512);
  EXPECT_EQ(e.by_group[5], 50277 * 512);
}

TEST(Explain, FlopsFollowTheFormula) {
  ModelConfig c = design_config("transformer");
  const double matrices = static_cast<double>(parameters(c) - 256 * 384);
  const double attention = 6. * 6 * 6 * 64;  // layers heads head_dim, a token of the window
  const Explanation e = explained(c, 512);
  EXPECT_DOUBLE_EQ(e.training_flops, 6 * matrices + attention * 512);
  EXPECT_DOUBLE_EQ(e.forward_flops, e.training_flops / 3);
  EXPECT_DOUBLE_EQ(e.decode_flops, 2 * matrices + 4. * 6 * 384 * 512);
  c.tie_embeddings = true;  // the table is the head then, and counts as such
  EXPECT_DOUBLE_EQ(explained(c, 512).training_flops, e.training_flops);
  for (LayerConfig& l : c.layer) l.window = 128;
  EXPECT_DOUBLE_EQ(explained(c, 512).training_flops, 6 * matrices + 2 * attention * 128 * 0.875);
  EXPECT_DOUBLE_EQ(explained(c, 64).training_flops, 6 * matrices + attention * 64);
}

TEST(Explain, SharingSavesCapacityNotBandwidth) {
  const Explanation whole = explained(plain(k82M), 1000),
                    shared = explained(with(plain(k82M), "shared-value"), 1000);
  EXPECT_EQ(shared.cache_per_token, 9216);
  EXPECT_EQ(shared.cache_total, 9216000);
  EXPECT_EQ(shared.cache_fixed, 0);
  EXPECT_EQ(shared.cache_read_per_token, whole.cache_read_per_token);
  EXPECT_EQ(whole.cache_read_per_token, 16384 * 1000);
}

TEST(Explain, LayersNameTheirSlots) {
  const Explanation e = explained(with(plain({3, 2, 16, 8, 11}), "shared-value"));
  ASSERT_EQ(e.layers.size(), 3u);
  EXPECT_EQ(e.layers[0].v_slots, e.layers[2].v_slots);
  EXPECT_NE(e.layers[0].k_slots, e.layers[2].k_slots);
  EXPECT_TRUE(e.layers[2].v_heads.empty());
  EXPECT_EQ(e.layers[2].k_heads, (std::vector<int>{0, 1}));
}

TEST(Explain, SaysWhatAStateMeansForSharing) {
  const auto notes = [](const char* feature, bool shared) {
    ModelConfig c = plain(k82M);
    for (LayerConfig& l : c.layer) {
      l.mechanism = "linear";
      l.mechanism_args = Args("model.mechanism_args", MechanismRegistry().find("linear").args,
                              {{"feature", std::string(feature)}});
    }
    std::string all;
    for (const std::string& n : explained(shared ? with(c, "shared-value") : c).notes) all += n;
    return all;
  };
  EXPECT_NE(notes("elu1", true).find("layers 1, 2, 3, 4, 5, 6, 7 keep a state"), std::string::npos);
  EXPECT_EQ(notes("elu1", false), "");
  EXPECT_NE(notes("identity", false).find("a sum of any sign"), std::string::npos);
}

TEST(ExplainText, SaysWhereALayerReadsAndWhatGaveWay) {
  const ModelConfig c = with(
      with(plain(k82M), "shared-value", {{"anchors", std::vector<int64_t>{4}}}), "value-residual");
  const std::string text = explain_text(c, explained(c));
  for (const char* part : {"wiring: shared-value, value-residual", "per token", "mixed v[4]",
                           "value-residual: gives way on v"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << text;
  }
  expect_narrow(text, 80);
}

TEST(Explain, WeightsThatDecodingReads) {
  const ModelConfig c = plain({2, 2, 16, 8, 11});
  const int64_t vectors = 5 * 16, matrices = parameters(c) - vectors - 11 * 16;
  const auto read = [](const ModelConfig& config, size_t element) {
    return explained(config, 0, element).weights_read_per_token;
  };
  EXPECT_EQ(read(c, 2), 2 * (matrices + 16) + 4 * vectors);  // a row of the embedding table
  EXPECT_EQ(read(c, 8), 8 * (matrices + 16 + vectors));
  ModelConfig tied = c;
  tied.tie_embeddings = true;
  EXPECT_EQ(read(tied, 2), read(c, 2));
}

TEST(ExplainText, JoinsLayersThatAreAlike) {
  const ModelConfig c =
      with(plain({8, 2, 16, 8, 11}), "shared-value", {{"anchors", std::vector<int64_t>{4}}});
  const std::string text = explain_text(c, explained(c));
  for (const char* part : {"\n0     softmax", "\n1-3   softmax", "\n4     ", "\n5-7   "}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << text;
  }
}

TEST(ExplainText, IsNarrowForEveryDesign) {
  for (const Design& d : designs()) {
    const ModelConfig c = design_config(d.name);
    const std::string text = explain_text(c, explained(c));
    EXPECT_NE(text.find(d.name), std::string::npos);
    expect_narrow(text, 80);
  }
}

TEST(DrawWiring, SharedValue) {
  const ModelConfig c = with(plain({4, 2, 16, 8, 11}), "shared-value");
  EXPECT_EQ(draw_wiring(c, derive_layout(c)),
            "layer     0     1     2     3\n"
            "v         ●     ○     ○     ○\n"
            "          └─────┴─────┴─────┘\n"
            "● own   ◆ mixed with other layers'   ○ another layer's\n"
            "\n"
            "v[l] = v[0]   for l = 1-3\n");
}

TEST(DrawWiring, SkippingHeadsHaveARowOfTheirOwn) {
  const ModelConfig c = with(plain({4, 4, 16, 8, 11}), "skip-kv", {{"values_only", true}});
  EXPECT_EQ(draw_wiring(c, derive_layout(c), 22),
            "layer     0  1  2  3\n"
            "v 0-1     ●  ●  ●  ●\n"
            "v 2-3     ●  ○  ○  ○\n"
            "          └──┘  └──┘\n"
            "             └──┘\n"
            "● own\n"
            "◆ mixed with other layers'\n"
            "○ another layer's\n"
            "\n"
            "v[l] heads 2-3 = raw\n"
            "    v[l-1]   for l =\n"
            "    1-3\n");
}

TEST(DrawWiring, DeepModelsAreFolded) {
  const ModelConfig c =
      with(plain({22, 2, 16, 8, 11}), "shared-value", {{"anchors", std::vector<int64_t>{9}}});
  EXPECT_EQ(draw_wiring(c, derive_layout(c), 30),
            "layer     0    5\n"
            "v         ●○○○○○○○○●○\n"
            "          └┴┴┴┴┴┴┴┘└┘\n"
            "\n"
            "layer     11   16\n"
            "v         ○○○○○○○○○○○\n"
            "        9─┴┴┴┴┴┴┴┴┴┴┘\n"
            "● own\n"
            "◆ mixed with other layers'\n"
            "○ another layer's\n"
            "\n"
            "v[l] = v[0]   for l = 1-8\n"
            "v[l] = v[9]   for l = 10-21\n");
  for (const char* wiring : {"value-residual", "skip-kv", "dense", "neutreno", "cross-layer"}) {
    for (const int width : {30, 80}) {
      const ModelConfig deep = with(plain({200, 4, 16, 8, 11}), wiring);
      const std::string text = draw_wiring(deep, derive_layout(deep), width);
      expect_narrow(text, static_cast<size_t>(width));
      EXPECT_EQ(text.find("do not fit"), std::string::npos);
    }
  }
}

TEST(DrawWiring, ThePlainStackSaysSo) {
  const ModelConfig c = plain({4, 4, 16, 8, 11});
  EXPECT_EQ(draw_wiring(c, derive_layout(c)), "every layer reads its own keys and values\n");
}

// DenseFormer's shape: the input of every layer, and of the final norm, sums all outputs before it.
Wiring depth_sums(const ModelConfig& config, const Args&) {
  const int layers = static_cast<int>(config.layer.size());
  Wiring w{"sums", {}, {}};
  for (int l = 1; l <= layers; ++l) {
    Mix mix{{Port::x, l}, {}, {}};
    for (int j = -1; j < l; ++j) mix.terms.push_back({{Port::y, j}, 0.5});
    w.mixes.push_back(mix);
  }
  return w;
}
// NeuTRENO's: outputs read values.
Wiring output_reads_values(const ModelConfig& config, const Args&) {
  Wiring w{"values", {}, {}};
  for (int l = 1; l < static_cast<int>(config.layer.size()); ++l) {
    w.mixes.push_back(
        {{Port::o, l}, {{{Port::o, l}}, {{Port::v, 0}, 0.4}, {{Port::v, l}, -0.4}}, {}});
  }
  return w;
}

TEST(DrawWiring, TheStreamEndsInTheFinalNorm) {
  Axes axes;
  axes.wirings.add({"sums", "", "", {}, depth_sums});
  ModelConfig c = plain({2, 2, 16, 8, 11});
  c.wiring.push_back({"sums", {}});
  EXPECT_EQ(draw_wiring(c, derive_layout(c, axes), 60),
            "layer     0     1     norm\n"
            "x         ●     ◆     ◆\n"
            "          └─────┴─────┘\n"
            "                └─────┘\n"
            "● own   ◆ mixed with other layers'   ○ another layer's\n"
            "\n"
            "x[1] = 0.5 y[-1] + 0.5 y[0]\n"
            "x[2] = 0.5 y[-1] + 0.5 y[0] + 0.5 y[1]\n");
  c = plain({12, 2, 16, 8, 11});
  c.wiring.push_back({"sums", {}});
  const std::string text = draw_wiring(c, derive_layout(c, axes));
  EXPECT_NE(text.find("x[l] = weighted sum of earlier y, 2 to 13 terms   for l = 1-12\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("more sources"), std::string::npos) << text;
  expect_narrow(text, 80);
}

TEST(DrawWiring, FurtherKeysAndValuesHaveARow) {
  const ModelConfig c = with(plain({3, 2, 16, 8, 11}), "cross-layer");
  EXPECT_EQ(draw_wiring(c, derive_layout(c), 60),
            "layer     0     1     2\n"
            "k, v      ●     ⊕     ⊕\n"
            "          └─────┴─────┘\n"
            "● own   ⊕ and another layer's\n"
            "\n"
            "attends to k[l], v[l] and k[0], v[0]   for l = 1-2\n");
}

TEST(DrawWiring, SaysWhenOutputsReadValues) {
  Axes axes;
  axes.wirings.add({"values", "", "", {}, output_reads_values});
  ModelConfig c = plain({3, 2, 16, 8, 11});
  c.wiring.push_back({"values", {}});
  EXPECT_EQ(draw_wiring(c, derive_layout(c, axes), 60),
            "layer     0     1     2\n"
            "o←v       ●     ◆     ◆\n"
            "          └─────┴─────┘\n"
            "● own   ◆ mixed with other layers'   ○ another layer's\n"
            "\n"
            "o[l] = o[l] + 0.4 v[0] - 0.4 v[l]   for l = 1-2\n");
}

TEST(DrawWiring, FitsFromSixToFortyEightLayers) {
  for (const int64_t layers : {6, 12, 24, 48}) {
    for (const char* wiring : {"value-residual", "shared-value", "skip-kv", "skipv1"}) {
      for (const int width : {60, 80, 120}) {
        const ModelConfig c = with(plain({layers, 4, 16, 8, 11}), wiring);
        expect_narrow(draw_wiring(c, derive_layout(c), width), static_cast<size_t>(width));
      }
    }
  }
  const ModelConfig far = with(plain({48, 4, 16, 8, 11}), "skip-kv", {{"distance", int64_t{24}}});
  const std::string text = draw_wiring(far, derive_layout(far));
  EXPECT_NE(text.find("more sources"), std::string::npos);
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 36);
}

}  // namespace
}  // namespace weft
