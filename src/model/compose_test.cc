// Wirings that meet on a head, case by case, and every refusal.
#include "model/compose.h"

#include <algorithm>

#include "model/test_models.h"

namespace weft {
namespace {

using namespace testing;

const Sizes kSmall{8, 4, 32, 16, 11};

TEST(Compose, WorkedExample) {
  // Value residual (learnable), keys and values shared by pairs, two query heads per kv head, 8
  // layers.
  ModelConfig c = plain({8, 8, 64, 16, 11, 4});
  c = with(with(c, "value-residual", {{"variant", "learnable"}}), "cla");
  const Layout layout = derive_layout(c);
  ASSERT_EQ(layout.gain_tensors.size(), 1u);
  EXPECT_EQ(layout.gain_tensors[0].shape, (Shape{3, 2}));
  ASSERT_EQ(layout.cache.slots.size(), 8u);
  for (const CacheSlot& slot : layout.cache.slots) {
    EXPECT_EQ(slot.heads.size(), 4u);
    EXPECT_EQ(slot.layer % 2, 0);
    EXPECT_EQ(slot.raw, slot.port == Port::k || slot.layer == 0);
  }
  std::vector<int> blended;
  for (const ResolvedMix& m : layout.mixes) {
    if (!m.alias) blended.push_back(m.destination.layer);
  }
  EXPECT_EQ(blended, (std::vector<int>{2, 4, 6}));
  for (int l = 0; l < 8; ++l) {
    EXPECT_EQ(layout.resolve(Port::v, l, 3).layer, l - l % 2);
    EXPECT_EQ(layout.k_heads[static_cast<size_t>(l)].empty(), l % 2 == 1);
    EXPECT_EQ(layout.v_heads[static_cast<size_t>(l)].empty(), l % 2 == 1);
  }
  ASSERT_EQ(layout.notes.size(), 1u);
  EXPECT_EQ(layout.notes[0],
            "value-residual: gives way on v of layers 1, 3, 5, 7, where cla reads another layer's");
}

// The blend stays: followers mix the first value with what their owner reads.
TEST(Compose, ABlendThatFollowsMixesWhatIsShared) {
  ModelConfig c = with(plain({8, 8, 64, 16, 11, 4}), "value-residual", {{"variant", "learnable"}});
  c = with(c, "cla");
  c.composition = kBlendFollower;
  const Layout layout = derive_layout(c);
  EXPECT_EQ(layout.gain_tensors.at(0).shape, (Shape{7, 2}));
  const auto mixes = layout.mixes_on(Port::v, 5);
  ASSERT_EQ(mixes.size(), 1u);
  EXPECT_FALSE(mixes[0].alias);
  EXPECT_EQ(mixes[0].terms[0].source, (Tap{Port::v, 0, true}));
  EXPECT_EQ(mixes[0].terms[1].source, (Tap{Port::v, 4, false}));
  EXPECT_EQ(layout.cache.slots.size(), 4u + 8u);  // keys are shared, values are not
  EXPECT_TRUE(layout.v_heads[5].empty());
  ASSERT_EQ(layout.notes.size(), 1u);
  EXPECT_EQ(layout.notes[0],
            "cla: what it reads on v of layers 1, 3, 5, 7 is mixed by value-residual, not shared");
}

TEST(Compose, AFollowerWhoseOwnerIsTheSourceIsAnAlias) {
  ModelConfig c = with(with(plain(kSmall), "value-residual"), "cla", {{"what", "v"}});
  c.composition = kBlendFollower;
  const Layout layout = derive_layout(c);  // v[1] = v[0]/2 + v[0]/2
  EXPECT_EQ(layout.resolve(Port::v, 1, 0), (TapHead{0, 0, true}));
  EXPECT_EQ(layout.resolve(Port::v, 3, 0), (TapHead{3, 0, false}));
}

TEST(Compose, ABlendOfAllEarlierValuesFollowsAcrossHeads) {
  ModelConfig c = with(with(plain(kSmall), "value-residual", {{"variant", "dense"}}), "skipv1");
  c.composition = kBlendFollower;
  const Layout layout = derive_layout(c);
  const auto mixes = layout.mixes_on(Port::v, 2);
  ASSERT_EQ(mixes.size(), 2u);
  EXPECT_EQ(mixes[0].heads, (Heads{0, 2}));
  EXPECT_EQ(mixes[0].terms.back().source, (Tap{Port::v, 2, true}));
  EXPECT_EQ(mixes[1].terms.back().source, (Tap{Port::v, 0, true}));
  EXPECT_EQ(layout.v_heads[2], (std::vector<int>{0, 1}));
}

TEST(Refused, ACompositionThatDoesNotExist) {
  ModelConfig c = plain(kSmall);
  c.composition = "alias-first";
  expect_refused([&] { derive_layout(c); },
                 {"model.composition", "alias-wins or blend-follower", "alias-first"});
}

TEST(Compose, WhatVanishesTakesItsGainsAlong) {
  for (const char* variant : {"learnable-plus", "gated", "dense"}) {
    const ModelConfig c =
        with(with(plain(kSmall), "value-residual", {{"variant", variant}}), "cla");
    const Layout layout = derive_layout(c);
    int64_t gains = 0;
    for (const GainTensor& g : layout.gain_tensors) gains += g.shape.numel();
    // Layers 2, 4, 6: logits, factor and own; 4 heads of 32 weights and a bias; 3 + 5 + 7.
    const std::string_view name = variant;
    EXPECT_EQ(gains, name == "learnable-plus" ? 3 + 1 + 3 : name == "gated" ? 3 * 4 * 33 : 15);
  }
}

TEST(Compose, SharedValueWithSharingByPairs) {
  const Axes axes = axes_with_sharing();
  for (const auto& [sizes, bytes] : {std::pair{k82M, 5120}, {k180M, 10752}, {k468M, 26624}}) {
    const ModelConfig c = with(with(plain(sizes), "shared-value"), "test-cla2", {}, axes);
    EXPECT_EQ(cache_bytes(c, axes), bytes);
  }
  for (int64_t layers = 1; layers < 10; ++layers) {  // odd depths too
    const ModelConfig base = plain({layers, 4, 32, 16, 11});
    const int64_t unit = 32 * 2, owners = (layers + 1) / 2;
    EXPECT_EQ(cache_bytes(with(base, "test-cla2", {}, axes), axes), 2 * owners * unit);
    EXPECT_EQ(cache_bytes(with(with(base, "test-cla2", {}, axes), "shared-value"), axes),
              (owners + 1) * unit);
  }
}

TEST(Compose, SharedValueWithGroupedHeads) {
  const int64_t bytes[] = {2304, 4992, 12800};
  const Sizes shapes[] = {k82M, k180M, k468M};
  for (int i = 0; i < 3; ++i) {
    Sizes s = shapes[i];
    s.kv_heads = s.heads / 4;
    EXPECT_EQ(cache_bytes(with(plain(s), "shared-value")), bytes[i]);
  }
}

TEST(Compose, TheCoarserOfTwoNestedSharingsHolds) {
  const Axes axes = axes_with_sharing();
  const ModelConfig c = plain(kSmall);
  const ModelConfig both = with(with(c, "test-cla2", {}, axes), "test-cla4", {}, axes);
  const Layout layout = derive_layout(both, axes);
  for (int l = 0; l < 8; ++l) EXPECT_EQ(layout.resolve(Port::k, l, 0).layer, l - l % 4);
  EXPECT_EQ(cache_bytes(both, axes), cache_bytes(with(c, "test-cla4", {}, axes), axes));
}

TEST(Compose, WiringsThatSayTheSameAgree) {
  const ModelConfig c = with(with(plain(kSmall), "skipv1"), "shared-value");
  EXPECT_EQ(cache_bytes(c), cache_bytes(with(plain(kSmall), "shared-value")));
  EXPECT_TRUE(derive_layout(c).notes.empty());
}

TEST(Compose, AFollowerReadsTheBlendedValueOfItsAnchor) {
  const ModelConfig c =
      with(with(plain(kSmall), "shared-value", {{"anchors", std::vector<int64_t>{4}}}),
           "value-residual", {{"variant", "learnable"}});
  const Layout layout = derive_layout(c);
  EXPECT_EQ(layout.resolve(Port::v, 3, 0), (TapHead{0, 0, true}));
  EXPECT_EQ(layout.resolve(Port::v, 4, 0), (TapHead{4, 0, false}));
  EXPECT_EQ(layout.resolve(Port::v, 7, 0), (TapHead{4, 0, false}));
  EXPECT_EQ(layout.gain_tensors.at(0).shape, (Shape{1, 2}));
  EXPECT_EQ(layout.gain_tensors.at(0).init, std::vector<double>(2, 0.5));
}

TEST(Compose, SkippingHeadsReadTheRawValueBesideABlend) {
  const ModelConfig c = with(with(plain(kSmall), "skip-kv"), "value-residual");
  const Layout layout = derive_layout(c);
  EXPECT_EQ(layout.resolve(Port::v, 3, 0), (TapHead{3, 0, false}));
  EXPECT_EQ(layout.resolve(Port::v, 3, 3), (TapHead{2, 3, true}));
  // The last layer's skipping heads are read by nobody; the others' raw heads by the next layer.
  EXPECT_EQ(layout.v_heads[7], (std::vector<int>{0, 1}));
  EXPECT_EQ(layout.v_heads[6], (std::vector<int>{0, 1, 2, 3}));
}

TEST(Compose, TheOrderOfTheWiringsHasNoInfluence) {
  const Axes axes = axes_with_sharing();
  ModelConfig c = with(plain(kSmall), "value-residual", {{"variant", "learnable"}});
  c = with(with(c, "test-cla2", {}, axes), "test-cla4", {}, axes);
  const Layout one = derive_layout(c, axes);
  std::reverse(c.wiring.begin(), c.wiring.end());
  const Layout other = derive_layout(c, axes);
  ASSERT_EQ(one.mixes.size(), other.mixes.size());
  for (size_t i = 0; i < one.mixes.size(); ++i) {
    EXPECT_EQ(one.mixes[i].destination, other.mixes[i].destination);
    EXPECT_EQ(one.mixes[i].terms, other.mixes[i].terms);
  }
  EXPECT_EQ(one.notes, other.notes);
  EXPECT_EQ(one.cache.slots.size(), other.cache.slots.size());
  EXPECT_EQ(one.gain_tensors.at(0).shape, other.gain_tensors.at(0).shape);
}

TEST(Compose, ALayerWhoseTermsCancelIsDropped) {
  const Layout layout = derive_layout(with(with(plain({4, 4, 32, 16, 11, 2}), "neutreno"), "cla"));
  std::vector<int> corrected;
  for (const ResolvedMix& m : layout.mixes) {
    if (m.destination.port != Port::o) continue;
    corrected.push_back(m.destination.layer);
    EXPECT_EQ(m.heads, (Heads{0, 4}));  // query heads, though their kv heads differ
  }
  EXPECT_EQ(corrected, (std::vector<int>{2, 3}));
  const Tap third = layout.mixes.back().terms.back().source;
  EXPECT_EQ(third, (Tap{Port::v, 2, true}));  // layer 3 reads the value of its owner
}

TEST(Refused, ACorrectionThatCancelsEverywhere) {
  const ModelConfig c = with(with(plain(kSmall), "neutreno"), "shared-value");
  expect_refused([&] { derive_layout(c); }, {"wiring neutreno", "cancel"});
}

TEST(Refused, AWiringThatAnotherOneReplacesEntirely) {
  const ModelConfig c = with(with(plain(kSmall), "value-residual"), "shared-value");
  expect_refused([&] { derive_layout(c); }, {"value-residual", "sharing"});
}

TEST(Refused, GroupsThatAreNotNested) {
  const Axes axes = axes_with_sharing();
  const ModelConfig c = with(with(plain(kSmall), "cla"), "test-cla3", {}, axes);
  expect_refused([&] { derive_layout(c, axes); },
                 {"cla + test-cla3", "layer 1, k, head 0", "refines", "not nested"});
}

TEST(Refused, ARawAliasBesideAnotherAlias) {
  const ModelConfig c = with(with(plain(kSmall), "skip-kv"), "shared-value");
  expect_refused([&] { derive_layout(c); }, {"shared-value + skip-kv", "final sources", "raw"});
}

Wiring other_blend(const ModelConfig&, const Args&) {
  return {"test-blend", {{{Port::v, 2}, {{{Port::v, 1}, 0.5}, {{Port::v, 2}, 0.5}}, {}}}, {}};
}

TEST(Refused, TwoBlendsOnAHead) {
  Axes axes;
  axes.wirings.add({"test-blend", "", "", {}, other_blend});
  const ModelConfig c = with(with(plain(kSmall), "value-residual"), "test-blend", {}, axes);
  expect_refused([&] { derive_layout(c, axes); },
                 {"test-blend + value-residual", "layer 2, v, head 0", "one blend", "two"});
}

}  // namespace
}  // namespace weft
