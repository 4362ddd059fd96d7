#include "model/formula.h"

#include "model/test_models.h"

namespace weft {
namespace {

using namespace testing;

// "v[l] = v[0] for 1-3" of every line.
std::vector<std::string> lines(const ModelConfig& config) {
  std::vector<std::string> list;
  for (const FormulaLine& f : formulas(config, derive_layout(config))) {
    list.push_back(f.text + " for " + ranges(f.layers));
  }
  return list;
}

using Lines = std::vector<std::string>;
constexpr Sizes kSmall{4, 4, 16, 8, 11};

TEST(Formula, OneLineForEachPattern) {
  const ModelConfig c = plain(kSmall);
  EXPECT_EQ(lines(c), Lines{});
  EXPECT_EQ(lines(with(c, "value-residual")), (Lines{"v[l] = 0.5 v[0] + 0.5 v[l] for 1-3"}));
  EXPECT_EQ(lines(with(c, "shared-value", {{"anchors", std::vector<int64_t>{2}}})),
            (Lines{"v[l] = v[l-1] for 1,3"}));
  EXPECT_EQ(lines(with(plain(k82M), "shared-value", {{"anchors", std::vector<int64_t>{4}}})),
            (Lines{"v[l] = v[0] for 1-3", "v[l] = v[4] for 5-7"}));
}

TEST(Formula, LearnedCoefficientsAreInParentheses) {
  EXPECT_EQ(lines(with(plain(kSmall), "value-residual", {{"variant", std::string("learnable")}})),
            (Lines{"v[l] = (0.5) v[0] + (0.5) v[l] for 1-3"}));
}

// Learned coefficients that differ among the layers of a line, as they do after training.
TEST(Formula, TrainedCoefficientsAreFromTheLeastToTheGreatest) {
  const ModelConfig c =
      with(plain(kSmall), "value-residual", {{"variant", std::string("learnable")}});
  Layout layout = derive_layout(c);
  ASSERT_EQ(layout.gain_tensors.size(), 1u);
  layout.gain_tensors[0].init = {0.25, 0.5, -0.5, 0.5, 0.125, 0.5};
  const std::vector<FormulaLine> all = formulas(c, layout);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].text, "v[l] = (-0.5 to 0.25) v[0] + (0.5) v[l]");
}

TEST(Formula, ComplementsAreWrittenOut) {
  ModelConfig c = plain(kSmall);
  MixConfig mix;
  mix.to = "v[1..]";
  mix.terms = {{.from = "v[l]", .scale = 0.5, .gain = 0.3, .learn = true},
               {.from = "v[0]", .scale = 2, .complement = true}};
  c.mixes = {mix};
  EXPECT_EQ(lines(c), (Lines{"v[l] = (0.15) v[l] + 2 (1-0.3) v[0] for 1-3"}));
}

TEST(Formula, CoefficientsOfOneAreLeftOut) {
  EXPECT_EQ(lines(with(plain(kSmall), "value-residual",
                       {{"variant", std::string("constant")}, {"lambda", -2.0}})),
            (Lines{"v[l] = -2 v[0] + v[l] for 1-3"}));
}

TEST(Formula, HeadsAndStagesAreNamed) {
  const ModelConfig c = plain(kSmall);
  EXPECT_EQ(lines(with(c, "skip-kv", {{"values_only", true}, {"heads", int64_t{1}}})),
            (Lines{"v[l] head 3 = raw v[l-1] for 1-3"}));
  // What the layer before reads itself is in the end the first layer's.
  EXPECT_EQ(lines(with(c, "skip-kv", {{"values_only", true}, {"source", std::string("final")}})),
            (Lines{"v[l] heads 2-3 = v[0] for 1-3"}));
}

TEST(Formula, PortsComeInTheirOrder) {
  EXPECT_EQ(lines(with(plain(kSmall), "skip-kv", {{"distance", int64_t{2}}})),
            (Lines{"k[l] heads 2-3 = k[l-2] for 2-3", "v[l] heads 2-3 = v[l-2] for 2-3"}));
}

TEST(Formula, GatesAndFurtherKeySets) {
  const ModelConfig c = plain(kSmall);
  EXPECT_EQ(lines(with(c, "value-residual", {{"variant", std::string("gated")}})),
            (Lines{"v[l] = (1-g) v[0] + g v[l] for 1-3"}));
  EXPECT_EQ(lines(with(c, "cross-layer", {{"source", std::string("previous")}})),
            (Lines{"attends to k[l], v[l] and k[l-1], v[l-1] for 1-3"}));
}

TEST(Formula, RangesJoinNeighbours) {
  EXPECT_EQ(ranges({}), "-");
  EXPECT_EQ(ranges({3}), "3");
  EXPECT_EQ(ranges({0, 1, 2, 5, 7, 8}), "0-2,5,7-8");
}

}  // namespace
}  // namespace weft
