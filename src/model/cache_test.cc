// The cache plan against a resolver written another way, and against windows.
#include "model/cache.h"

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>

#include "base/random.h"
#include "model/test_models.h"

namespace weft {
namespace {

using namespace testing;

using Slot = std::tuple<int, int, int, bool>;  // port, layer, head, raw

// A head's tensor found by walking the wiring as its author wrote it, one step at a time, without
// normal form, composition or intervals. Handles a single wiring.
Slot walk(const Wiring& wiring, Port port, int layer, int head, int heads) {
  for (const Mix& m : wiring.mixes) {
    const int last = m.heads.last == -1 ? heads : m.heads.last;
    if (m.destination.port != port || m.destination.layer != layer) continue;
    if (head < m.heads.first || head >= last) continue;
    if (m.terms.size() != 1 || m.terms[0].gain >= 0 || m.terms[0].scale != 1) {
      return {static_cast<int>(port), layer, head, false};
    }
    const Tap& s = m.terms[0].source;
    if (s.raw) return {static_cast<int>(port), s.layer, head, true};
    return walk(wiring, port, s.layer, head, heads);
  }
  return {static_cast<int>(port), layer, head, true};
}

void check_against_walk(const ModelConfig& c, const Wiring& wiring, const Layout& layout) {
  std::set<Slot> slots;
  for (int l = 0; l < static_cast<int>(c.layers); ++l) {
    const int heads = static_cast<int>(c.layer[static_cast<size_t>(l)].kv_heads);
    for (const Port port : {Port::k, Port::v}) {
      for (int h = 0; h < heads; ++h) {
        const Slot want = walk(wiring, port, l, h, heads);
        slots.insert(want);
        const auto& refs = port == Port::k ? layout.cache.k : layout.cache.v;
        const CacheRef ref = refs[static_cast<size_t>(l)][static_cast<size_t>(h)];
        const CacheSlot& slot = layout.cache.slots.at(static_cast<size_t>(ref.slot));
        const Slot have = {static_cast<int>(slot.port), slot.layer,
                           slot.heads.at(static_cast<size_t>(ref.head)), slot.raw};
        EXPECT_EQ(have, want) << wiring.name << " layer " << l << " head " << h;
      }
    }
  }
  EXPECT_EQ(layout.cache.bytes_per_token(c.head_dim, 4),
            static_cast<int64_t>(slots.size()) * c.head_dim * 4);
}

// A wiring drawn at random: each head of each layer keeps its own, shares an earlier one's (raw or
// final), or blends.
Wiring drawn(const ModelConfig& c, uint64_t seed) {
  const Random random(seed, "wiring");
  Wiring w{"test-drawn", {}, {}};
  uint64_t n = 0;
  for (int l = 1; l < static_cast<int>(c.layers); ++l) {
    for (const Port port : {Port::k, Port::v}) {
      for (int h = 0; h < static_cast<int>(c.layer[0].kv_heads); ++h) {
        const int from = static_cast<int>(random.below(n++, static_cast<uint64_t>(l)));
        const uint64_t kind = random.below(n++, 4);
        if (kind == 0) continue;
        std::vector<Term> terms = {{{port, from, kind == 2}, 1}};
        if (kind == 3) terms.push_back({{port, l}, 0.5});
        w.mixes.push_back({{port, l}, terms, {h, h + 1}});
      }
    }
  }
  return w;
}

TEST(CachePlan, AgreesWithAnIndependentWalkOnDrawnWirings) {
  static uint64_t seed;  // read by the wiring's function, which takes no more arguments
  for (seed = 0; seed < 200; ++seed) {
    Axes axes;
    axes.wirings.add({"test-drawn", "", "", {}, [](const ModelConfig& c, const Args&) {
                        return drawn(c, seed);
                      }});
    const auto layers = static_cast<int64_t>(2 + seed % 6);
    const ModelConfig c = with(plain({layers, 4, 16, 8, 11, 2}), "test-drawn", {}, axes);
    check_against_walk(c, drawn(c, seed), derive_layout(c, axes));
  }
}

TEST(CachePlan, AgreesWithAnIndependentWalkOnEveryWiring) {
  const Axes axes = axes_with_sharing();
  for (const WiringInfo& info : axes.wirings.all()) {
    for (int64_t layers = 1; layers < 8; ++layers) {
      for (const int64_t kv_heads : {2, 4}) {
        const ModelConfig c = with(plain({layers, 4, 32, 16, 11, kv_heads}), info.name, {}, axes);
        check_against_walk(c, make_wiring(c, c.wiring[0], axes.wirings), derive_layout(c, axes));
      }
    }
  }
}

// A head is projected exactly where its raw value is read: looked for in every mix as it was
// written.
TEST(Projections, ExistExactlyWhereTheRawValueIsRead) {
  static uint64_t seed;
  for (seed = 0; seed < 200; ++seed) {
    Axes axes;
    axes.wirings.add({"test-drawn", "", "", {}, [](const ModelConfig& c, const Args&) {
                        return drawn(c, seed);
                      }});
    const ModelConfig c = with(plain({5, 4, 16, 8, 11, 2}), "test-drawn", {}, axes);
    const Wiring w = drawn(c, seed);
    const Layout layout = derive_layout(c, axes);
    for (int l = 0; l < 5; ++l) {
      for (int h = 0; h < 2; ++h) {
        bool covered = false, read = false;
        for (const Mix& m : w.mixes) {
          if (m.heads.first != h || m.destination.port != Port::v) continue;
          covered = covered || m.destination.layer == l;
          for (const Term& t : m.terms) {
            const bool self = t.source.layer == m.destination.layer;
            read = read || (t.source.layer == l && (t.source.raw || self));
          }
        }
        const std::vector<int>& heads = layout.v_heads[static_cast<size_t>(l)];
        EXPECT_EQ(std::count(heads.begin(), heads.end(), h), !covered || read ? 1 : 0) << seed;
      }
    }
  }
}

TEST(CachePlan, ASlotKeepsTheLongestWindowOfItsReaders) {
  ModelConfig c = plain({3, 4, 32, 16, 11});
  c.layer[0].window = 16;
  c.layer[1].window = 64;
  c.layer[2].window = 32;
  const ModelConfig half = with(c, "skipv1");
  const Layout layout = derive_layout(half);
  int64_t read_alone = 0, shared = 0;
  for (const CacheSlot& slot : layout.cache.slots) {
    if (slot.port != Port::v || slot.layer != 0) continue;
    (slot.window == 16 ? read_alone : shared) += static_cast<int64_t>(slot.heads.size());
    EXPECT_TRUE(slot.window == 16 || slot.window == 64);
  }
  EXPECT_EQ(read_alone, 2);
  EXPECT_EQ(shared, 2);
  // k: 4 heads with 16, 64, 32; v: 2 with 16 and 2 with 64, then 2 with 64 and 2 with 32. 8 numbers
  // a head.
  const int64_t rows = 4 * (16 + 64 + 32) + 2 * (16 + 64 + 64 + 32);
  EXPECT_EQ(layout.cache.bytes(8, 2, 1000), rows * 8 * 2);
  EXPECT_EQ(layout.cache.bytes(8, 2, 10), layout.cache.bytes_per_token(8, 2) * 10);
}

// The source of true cross-layer attention keeps what its readers see.
TEST(CachePlan, AnotherLayersSetStandsBehindTheOwn) {
  ModelConfig c = plain({3, 4, 32, 16, 11, 2});
  for (size_t l = 0; l < 3; ++l) c.layer[l].window = static_cast<int64_t>(8 * (l + 1));
  const Layout layout = derive_layout(with(c, "cross-layer", {{"source", "previous"}}));
  EXPECT_EQ(layout.cache.slots.size(), 6u);
  EXPECT_EQ(layout.cache.k[0].size(), 2u);
  ASSERT_EQ(layout.cache.v[2].size(), 4u);
  EXPECT_EQ(layout.key_sets(2), 2);
  for (const auto* refs : {&layout.cache.k, &layout.cache.v}) {
    for (size_t h = 0; h < 4; ++h) {
      const CacheRef ref = (*refs)[2][h];
      const CacheSlot& slot = layout.cache.slots[static_cast<size_t>(ref.slot)];
      EXPECT_EQ(slot.layer, h < 2 ? 2 : 1);
      EXPECT_EQ(slot.heads.at(static_cast<size_t>(ref.head)), static_cast<int>(h % 2));
      EXPECT_EQ(slot.window, 24) << "of layer 2, which reads both";
    }
  }
}

TEST(CachePlan, AllKeysBeatEveryWindow) {
  ModelConfig c = plain({2, 4, 32, 16, 11});
  c.layer[0].window = 16;
  for (const CacheSlot& slot : derive_layout(with(c, "shared-value")).cache.slots) {
    EXPECT_EQ(slot.window, slot.port == Port::v || slot.layer == 1 ? 0 : 16);
  }
}

// A layer that keeps a recurrent state reads shared values in its step and stores no keys and
// values.
TEST(CachePlan, ARecurrentLayerHasNoSlots) {
  static const MechanismInfo state = [] {
    MechanismInfo info{};
    info.name = "test-state";
    info.traits.recurrent = true;
    return info;
  }();
  Axes axes;
  axes.mechanisms.add(state);
  ModelConfig c = plain({3, 4, 32, 16, 11});
  c.layer[1].mechanism = "test-state";
  const Layout layout = derive_layout(with(c, "shared-value"), axes);
  EXPECT_EQ(layout.cache.v[1][0].slot, -1);
  EXPECT_EQ(layout.cache.k[1][0].slot, -1);
  EXPECT_EQ(layout.cache.bytes_per_token(8, 2), (2 + 1) * 32 * 2);  // k of two layers, one v
  EXPECT_TRUE(layout.v_heads[1].empty());
  expect_refused(
      [&] { derive_layout(with(c, "skip-kv"), axes); },
      {"layer 1, k, head 2", "a recurrent mechanism", "layer 0 with a mechanism that weighs"});
  c.layer[1].window = 8;
  expect_refused([&] { derive_layout(c, axes); }, {"model.window (layer 1)", "test-state"});
  c.layer[1].window = 0;
  c.layer[1].position = "alibi";
  expect_refused([&] { derive_layout(c, axes); }, {"model.position (layer 1)", "alibi"});
}

}  // namespace
}  // namespace weft
