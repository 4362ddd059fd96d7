// Layers that keep a state instead of keys and values: what is planned, counted and built.
#include "model/builder.h"
#include "model/explain.h"
#include "model/test_models.h"

namespace weft {
namespace {

using namespace testing;

constexpr Sizes kSmall{4, 4, 32, 16, 11};  // 4 layers of 4 heads of 8

void make_linear(ModelConfig& c, std::initializer_list<size_t> layers, const Given& args = {}) {
  const Axes axes;
  for (const size_t l : layers) {
    c.layer[l].mechanism = "linear";
    c.layer[l].mechanism_args = Args("linear", axes.mechanisms.find("linear").args, args);
  }
}
ModelConfig linear(const Given& args = {}) {
  ModelConfig c = plain(kSmall);
  make_linear(c, {0, 1, 2, 3}, args);
  return c;
}

TEST(RecurrentLayers, KeepAStateOfConstantSize) {
  for (const auto& [args, columns] : {std::pair<Given, int64_t>{{}, 9},
                                      {{{"normalise", false}}, 8},
                                      {{{"momentum", 0.5}}, 17},
                                      {{{"momentum", 0.5}, {"normalise", false}}, 16}}) {
    const CachePlan plan = derive_layout(linear(args)).cache;
    EXPECT_TRUE(plan.slots.empty());
    ASSERT_EQ(plan.states.size(), 4u);
    EXPECT_EQ(plan.states[2].layer, 2);
    EXPECT_EQ(plan.states[2].shape, (Shape{4, 8, columns}));
    EXPECT_EQ(plan.bytes_per_token(8, 2), 0);
    EXPECT_EQ(plan.fixed_bytes(2), 4 * 4 * 8 * columns * 4);  // f32 beside bf16
    EXPECT_EQ(plan.fixed_bytes(8), 4 * 4 * 8 * columns * 8);
    EXPECT_EQ(plan.bytes(8, 2, 1), plan.bytes(8, 2, 100000));
  }
}

// What a recurrent layer reads of another layer is read in its step; only those that keep keys and
// values keep it.
TEST(RecurrentLayers, AddNothingToASharedSlot) {
  ModelConfig c = plain(kSmall);
  make_linear(c, {0, 2});
  const CachePlan plan = derive_layout(with(c, "shared-value")).cache;
  int values = 0;
  for (const CacheSlot& slot : plan.slots) {
    EXPECT_TRUE(slot.port == Port::v ? slot.layer == 0 : slot.layer % 2 == 1);
    values += slot.port == Port::v;
  }
  EXPECT_EQ(values, 1);  // that of layer 0, for layers 1 and 3
  EXPECT_EQ(plan.v[0][0].slot, -1);
  EXPECT_EQ(plan.bytes_per_token(8, 2), (2 + 1) * 32 * 2);
  make_linear(c, {1, 3});
  EXPECT_TRUE(derive_layout(with(c, "shared-value")).cache.slots.empty());
}

TEST(RecurrentLayers, AreExplained) {
  ModelConfig c = plain(kSmall);
  c.context = 1000;
  const Explanation keys = explain(c, derive_layout(c));
  make_linear(c, {1, 3});
  const Explanation half = explain(c, derive_layout(c));
  EXPECT_EQ(half.parameters, keys.parameters);
  EXPECT_EQ(half.cache_fixed, 2 * 4 * 8 * 9 * 4);
  EXPECT_EQ(half.cache_per_token, keys.cache_per_token / 2);
  EXPECT_EQ(half.cache_total, keys.cache_total / 2 + half.cache_fixed);
  EXPECT_EQ(half.cache_read_per_token, keys.cache_read_per_token / 2 + half.cache_fixed);
  // 4 dim^2 a head instead of 4 dim T, and 12 dim^2 instead of 12 dim T / 2.
  EXPECT_EQ(keys.decode_flops - half.decode_flops, 2 * 4 * 32. * (1000 - 8));
  EXPECT_EQ(keys.training_flops - half.training_flops, 2 * 12 * 32. * (500 - 8));
  EXPECT_NE(explain_text(c, half).find("state"), std::string::npos);
}

TEST(RecurrentLayers, HaveAProgramStateEach) {
  ModelConfig c = plain(kSmall);
  const Axes axes;
  for (LayerConfig& layer : c.layer) {
    layer.mechanism_args = Args("softmax", axes.mechanisms.find("softmax").args, {});
    layer.position = "none";
  }
  make_linear(c, {1, 3}, {{"momentum", 0.5}});
  for (LayerConfig& layer : c.layer) layer.position = "none";
  const Layout layout = derive_layout(c);
  for (const auto& [type, exact] : {std::pair{DType::bf16, DType::f32}, {DType::f64, DType::f64}}) {
    const BuiltProgram built = build(c, layout,
                                     {.mode = Mode::generate,
                                      .dtype = type,
                                      .batch = 2,
                                      .time = 3,
                                      .context = 5,
                                      .runtime = {}});
    ASSERT_EQ(built.states.size(), 2 * 2 + 2u);
    EXPECT_EQ(built.states[3], (TensorDesc{type, {2, 4, 5, 8}}));
    for (const size_t i : {4u, 5u}) {
      EXPECT_EQ(built.states[i], (TensorDesc{exact, {2, 4, 8, 17}}));
    }
  }
  const BuiltProgram train = build(c, layout, {.time = 3, .runtime = {}});
  EXPECT_TRUE(train.states.empty());
}

TEST(RecurrentLayers, RefuseWindowsAndSlopes) {
  ModelConfig c = linear();
  c.layer[2].window = 8;
  expect_refused([&] { derive_layout(c); }, {"model.window (layer 2)", "linear"});
  c = linear();
  c.layer[2].position = "alibi";
  expect_refused([&] { derive_layout(c); }, {"model.position (layer 2)", "alibi"});
  c = linear({{"momentum", 1.0}});
  expect_refused([&] { derive_layout(c); }, {"linear: momentum", "below 1"});
}

}  // namespace
}  // namespace weft
