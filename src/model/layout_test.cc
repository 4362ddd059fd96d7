// Parameter counts and cache bytes of the published shapes, case by case.
#include "model/layout.h"

#include <algorithm>

#include "model/test_models.h"

namespace weft {
namespace {

using namespace testing;

struct Expected {
  const char* wiring;
  Given given;
  int64_t parameters[3];  // difference from the plain stack at 82M, 180M, 468M
  int64_t bytes[3];       // f16 cache bytes per token
};

const Sizes kShapes[] = {k82M, k180M, k468M};
const int64_t kPlain[] = {81901056, 179874048, 467921920};

TEST(Layout, PlainCountsMatchThePublishedShapes) {
  const int64_t bytes[] = {16384, 36864, 98304};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(parameters(plain(kShapes[i])), kPlain[i]);
    EXPECT_EQ(cache_bytes(plain(kShapes[i])), bytes[i]);
  }
  EXPECT_EQ(parameters(plain(k2M)), 1623856);
}

TEST(Layout, EveryWiringHasItsParametersAndCacheBytes) {
  const std::vector<Expected> cases = {
      {"value-residual", {}, {0, 0, 0}, {16384, 36864, 98304}},
      {"value-residual", {{"variant", "constant"}}, {0, 0, 0}, {16384, 36864, 98304}},
      {"value-residual", {{"variant", "sparse"}}, {0, 0, 0}, {16384, 36864, 98304}},
      {"value-residual", {{"variant", "learnable"}}, {14, 22, 46}, {16384, 36864, 98304}},
      {"shared-value", {}, {-1835008, -6488064, -24117248}, {9216, 19968, 51200}},
      {"skipv1", {}, {-917504, -3244032, -12058624}, {12800, 28416, 74752}},
  };
  for (const Expected& e : cases) {
    for (int i = 0; i < 3; ++i) {
      const ModelConfig c = with(plain(kShapes[i]), e.wiring, e.given);
      EXPECT_EQ(parameters(c) - kPlain[i], e.parameters[i]) << e.wiring << " " << i;
      EXPECT_EQ(cache_bytes(c), e.bytes[i]) << e.wiring << " " << i;
    }
  }
}

TEST(Layout, SharedValueTotalsAndAnchorsMatch) {
  const int64_t total[] = {80066048, 173385984, 443804672};
  const int64_t last_anchor[] = {-1572864, -5898240, -23068672};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(parameters(with(plain(kShapes[i]), "shared-value")), total[i]);
    const ModelConfig c = with(plain(kShapes[i]), "shared-value",
                               {{"anchors", std::vector<int64_t>{kShapes[i].layers - 1}}});
    EXPECT_EQ(parameters(c) - kPlain[i], last_anchor[i]);
    EXPECT_EQ(cache_bytes(c), (kShapes[i].layers + 2) * c.dim * 2);
  }
}

TEST(Layout, GroupedHeadsShrinkProjectionsAndCache) {
  const int64_t by2[] = {-2097152, -7077888, -25165824};
  const int64_t by4[] = {-3145728, -10616832, -37748736};
  for (int i = 0; i < 3; ++i) {
    Sizes s = kShapes[i];
    s.kv_heads = s.heads / 2;
    EXPECT_EQ(parameters(plain(s)) - kPlain[i], by2[i]);
    s.kv_heads = s.heads / 4;
    EXPECT_EQ(parameters(plain(s)) - kPlain[i], by4[i]);
    EXPECT_EQ(cache_bytes(plain(s)) * 4, cache_bytes(plain(kShapes[i])));
  }
  // Skip and group together: 24 layers, 8 kv heads of 64, 4-byte elements (arXiv 2510.16807).
  const ModelConfig grouped = plain({24, 32, 2048, 5632, 32000, 8, 64});
  EXPECT_EQ(cache_bytes(grouped, Axes(), 4), 98304);
  EXPECT_EQ(cache_bytes(with(grouped, "skipv1"), Axes(), 4), 74752);
}

TEST(Layout, SkipKvDropsHeadsThatNobodyReads) {
  const int64_t parameters_of[] = {-786432, -2654208, -9437184};
  const int64_t bytes[] = {13312, 29952, 79872};
  for (int i = 0; i < 3; ++i) {
    const Sizes& s = kShapes[i];
    const Given given = {{"distance", s.layers / 4}, {"heads", 3 * s.heads / 4}};
    const ModelConfig raw = with(plain(s), "skip-kv", given);
    EXPECT_EQ(parameters(raw) - kPlain[i], parameters_of[i]);
    EXPECT_EQ(cache_bytes(raw), bytes[i]);
  }
}

// 2U((1-e)L + e*max(s, L-s)) with raw sources, 2U((1-e)L + e*s) with final ones; e = heads / all.
TEST(Layout, SkipKvFollowsItsFormulaAtEveryDistance) {
  for (const int64_t layers : {1, 2, 3, 5, 8}) {
    for (int64_t s = 1; s < std::max<int64_t>(layers, 2); ++s) {
      const ModelConfig c = plain({layers, 4, 32, 16, 11});
      const int64_t unit = 8 * 2, own = 3 * layers;  // one head; 3 of 4 heads stay
      for (const bool raw : {true, false}) {
        const ModelConfig skipping =
            with(c, "skip-kv",
                 {{"distance", s}, {"heads", int64_t{1}}, {"source", raw ? "raw" : "final"}});
        const int64_t kept = s >= layers ? layers : raw ? std::max(s, layers - s) : s;
        EXPECT_EQ(cache_bytes(skipping), 2 * unit * (own + kept)) << layers << " " << s << raw;
      }
    }
  }
}

TEST(Layout, AChainOfFinalSourcesEndsAtLayerModuloDistance) {
  const ModelConfig c =
      with(plain({7, 4, 32, 16, 11}), "skip-kv", {{"distance", int64_t{3}}, {"source", "final"}});
  const Layout layout = derive_layout(c);
  for (int l = 0; l < 7; ++l) {
    EXPECT_EQ(layout.resolve(Port::k, l, 3), (TapHead{l % 3, 3, true}));
    EXPECT_EQ(layout.resolve(Port::k, l, 0), (TapHead{l, 0, true}));
  }
}

TEST(Layout, NeutralSettingsLeaveNothingBehind) {
  const ModelConfig c = plain({4, 4, 32, 16, 11});
  const ModelConfig one = plain({1, 4, 32, 16, 11});
  const std::vector<ModelConfig> neutral = {
      with(c, "value-residual", {{"variant", "constant"}, {"lambda", 0.0}}),
      with(c, "skip-kv", {{"distance", int64_t{0}}}),
      with(c, "skip-kv", {{"heads", int64_t{0}}}),
      with(c, "skipv1", {{"fraction", 0.0}}),
      with(one, "value-residual"),
      with(one, "value-residual", {{"variant", "learnable"}}),
      with(one, "value-residual", {{"variant", "sparse"}}),
      with(one, "shared-value"),
      with(one, "skip-kv"),
      with(one, "skipv1"),
  };
  for (const ModelConfig& n : neutral) {
    const Layout layout = derive_layout(n);
    EXPECT_TRUE(layout.mixes.empty()) << n.wiring[0].name;
    EXPECT_TRUE(layout.gain_tensors.empty());
    EXPECT_EQ(parameters(n), parameters(n.layers == 1 ? one : c));
    EXPECT_EQ(cache_bytes(n), cache_bytes(n.layers == 1 ? one : c));
  }
}

TEST(Layout, TheMixedValueIsWhatTheCacheHolds) {
  const Layout layout = derive_layout(with(plain({3, 2, 16, 8, 11}), "value-residual"));
  EXPECT_EQ(layout.resolve(Port::v, 0, 1), (TapHead{0, 1, true}));
  EXPECT_EQ(layout.resolve(Port::v, 2, 1), (TapHead{2, 1, false}));
  ASSERT_EQ(layout.mixes.size(), 2u);
  EXPECT_EQ(layout.mixes[0].heads, (Heads{0, 2}));
  const std::vector<Term> terms = {{{Port::v, 0, true}, 0.5}, {{Port::v, 1, true}, 0.5}};
  EXPECT_EQ(layout.mixes[0].terms, terms);
  EXPECT_EQ(layout.v_heads[2], (std::vector<int>{0, 1}));
}

TEST(Layout, SparseTakesTheLastThirdAndItsOwnLambda) {
  const Layout layout =
      derive_layout(with(plain({8, 2, 16, 8, 11}), "value-residual", {{"variant", "sparse"}}));
  ASSERT_EQ(layout.mixes.size(), 3u);
  EXPECT_EQ(layout.mixes[0].destination, (Tap{Port::v, 5}));
  EXPECT_EQ(layout.mixes[0].terms[0].scale, 5);
  EXPECT_EQ(layout.mixes[0].terms[1].scale, 1);
}

TEST(Layout, LearnableGainsAreOneMatrixFirstAndOwn) {
  const Layout layout =
      derive_layout(with(plain({4, 2, 16, 8, 11}), "value-residual", {{"variant", "learnable"}}));
  ASSERT_EQ(layout.gain_tensors.size(), 1u);
  EXPECT_EQ(layout.gain_tensors[0].name, "value-residual.gains");
  EXPECT_EQ(layout.gain_tensors[0].shape, (Shape{3, 2}));
  EXPECT_EQ(layout.gain_tensors[0].init, std::vector<double>(6, 0.5));
  const ResolvedMix& last = layout.mixes.back();
  EXPECT_EQ(layout.gains[static_cast<size_t>(last.terms[0].gain)].element, 4);
  EXPECT_EQ(layout.gains[static_cast<size_t>(last.terms[1].gain)].element, 5);
}

}  // namespace
}  // namespace weft
