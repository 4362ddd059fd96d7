#include "model/normal_form.h"

#include "model/test_models.h"

namespace weft {
namespace {

using namespace testing;

Layout layout_of(const char* name, Wiring (*make)(const ModelConfig&, const Args&)) {
  Axes axes;
  axes.wirings.add({name, "", "", {}, make});
  return derive_layout(with(plain({3, 2, 16, 8, 11}), name, {}, axes), axes);
}

// Depth averages (DenseFormer) write the input of every block and of the final norm.
TEST(NormalForm, TheFinalNormsInputIsADestination) {
  const Layout layout = layout_of("test-depth", [](const ModelConfig&, const Args&) {
    Wiring w{"test-depth", {}, {}};
    for (int l = 1; l <= 3; ++l) {
      Mix m{{Port::x, l}, {}, {}};
      for (int j = 0; j <= l; ++j) {
        m.terms.push_back({{Port::y, j - 1, true}, 1, static_cast<int>(w.gains.size())});
        w.gains.push_back(
            {GainKind::scalar, "test-depth." + std::to_string(l), j, 0, j == l ? 1. : 0.});
      }
      w.mixes.push_back(m);
    }
    return w;
  });
  ASSERT_EQ(layout.mixes.size(), 3u);
  EXPECT_EQ(layout.mixes[2].destination, (Tap{Port::x, 3}));
  EXPECT_EQ(layout.mixes[2].terms.size(), 4u);
  ASSERT_EQ(layout.gain_tensors.size(), 3u);
  EXPECT_EQ(layout.gain_tensors[2].shape, (Shape{4}));
  EXPECT_EQ(layout.gain_tensors[2].init, (std::vector<double>{0, 0, 0, 1}));
}

// The input of a block is the output of the one before: once the average says no more, it is gone.
TEST(NormalForm, ABlockInputThatIsThePreviousOutputIsPlain) {
  const Layout layout = layout_of("test-depth", [](const ModelConfig&, const Args&) {
    return Wiring{"test-depth",
                  {{{Port::x, 1}, {{{Port::y, 0}, 1}, {{Port::y, -1}, 0}}, {}},
                   {{Port::x, 2}, {{{Port::y, 1}, 0.25}, {{Port::x, 2}, 0.75}}, {}}},
                  {}};
  });
  EXPECT_TRUE(layout.mixes.empty());
}

TEST(NormalForm, ConstantTermsOnOneTensorAreMergedThroughAliases) {
  const Layout layout = layout_of("test-merge", [](const ModelConfig&, const Args&) {
    return Wiring{"test-merge",
                  {{{Port::v, 1}, {{{Port::v, 0}}}, {}},
                   {{Port::v, 2}, {{{Port::v, 0}, 0.5}, {{Port::v, 1}, 0.5}}, {}}},
                  {}};
  });
  ASSERT_EQ(layout.mixes.size(), 2u);
  EXPECT_TRUE(layout.mixes[1].alias);
  EXPECT_EQ(layout.resolve(Port::v, 2, 0), (TapHead{0, 0, true}));
  EXPECT_TRUE(layout.v_heads[2].empty());
}

TEST(NormalForm, LearnedTermsAreNeverMerged) {
  const Layout layout = layout_of("test-learned", [](const ModelConfig&, const Args&) {
    const std::string gains = "test-learned.gains";
    return Wiring{"test-learned",
                  {{{Port::v, 1}, {{{Port::v, 0}, 1, 0}, {{Port::v, 0}, 1, 1, true}}, {}}},
                  {{GainKind::scalar, gains, 0, 0, 0}, {GainKind::scalar, gains, 0, 1, 1}}};
  });
  ASSERT_EQ(layout.mixes.size(), 1u);
  EXPECT_EQ(layout.mixes[0].terms.size(), 2u);
  EXPECT_FALSE(layout.mixes[0].alias);
}

TEST(NormalForm, RawAndFinalOfOneTapAreDifferentTensors) {
  const Layout layout = layout_of("test-raw", [](const ModelConfig&, const Args&) {
    return Wiring{"test-raw",
                  {{{Port::v, 1}, {{{Port::v, 0}, 0.5}, {{Port::v, 1}, 0.5}}, {}},
                   {{Port::v, 2}, {{{Port::v, 1, true}, 0.5}, {{Port::v, 1}, 0.5}}, {}}},
                  {}};
  });
  ASSERT_EQ(layout.mixes.size(), 2u);
  EXPECT_EQ(layout.mixes[1].terms.size(), 2u);
}

}  // namespace
}  // namespace weft
