// Attention over a cache: decode and chunks against the full forward, bit for bit (G16).
#include <gtest/gtest.h>

#include <algorithm>

#include "attention/cache_append.h"
#include "attention/fixture_test.h"
#include "attention/positions/position.h"
#include "base/error.h"

namespace weft::test {
namespace {

std::vector<int64_t> chunks_of(int64_t size, int64_t total) {
  std::vector<int64_t> chunks;
  for (int64_t at = 0; at < total; at += size) chunks.push_back(std::min(size, total - at));
  return chunks;
}

void expect_same_rows(const Case& c, const std::vector<int64_t>& capacities = {}) {
  const Values x = random_values(c);
  const Outcome full = attend(c, x);
  for (const int64_t size : {1, 3, 64, 200}) {
    SCOPED_TRACE(c.mechanism + " chunks of " + std::to_string(size));
    const Outcome r = attend_in_chunks(c, x, chunks_of(size, c.time), capacities);
    EXPECT_EQ(r.o, full.o);
    EXPECT_EQ(r.rem, full.rem);
  }
}

TEST(AttentionCache, ChunksGiveTheBitsOfTheFullForward) {
  for (const DType type : {DType::f32, DType::bf16, DType::f64}) {
    const Case base{
        .time = 150, .heads = 6, .kv_heads = 2, .head_dim = 20, .value_dim = 12, .type = type};
    for (const auto& [c, trace] : variants(base)) {
      SCOPED_TRACE(trace);
      expect_same_rows(c);
    }
  }
}

TEST(AttentionCache, WithSlopes) {
  expect_same_rows(
      {.time = 90, .heads = 3, .kv_heads = 1, .mechanism = "softmax", .slopes = alibi_slopes(3)});
}

TEST(AttentionCache, RingOfAWindow) {
  for (const std::string& mechanism : mechanisms()) {
    for (const int64_t capacity : {70, 96, 150}) {
      expect_same_rows({.time = 150, .mechanism = mechanism, .window = 70}, {capacity});
    }
  }
}

// Layers with windows of their own share slots of different length; heads of one op may then read
// caches that hold different numbers of positions.
TEST(AttentionCache, CachesOfDifferentLengthInOneOp) {
  for (const std::string& mechanism : mechanisms()) {
    Case c{.time = 200, .heads = 4, .kv_heads = 2, .mechanism = mechanism, .window = 70};
    expect_same_rows(c, {70, 96, 131, 200});
    expect_same_rows(c, {150, 71, 70, 70});
    c.window = 0;
    expect_same_rows(c, {200, 201, 256, 330});
    c.type = DType::f64;
    expect_same_rows(c, {200, 201, 256, 330});
  }
}

// The keys of a cache take no gradient, so a backward over them would be silently incomplete.
TEST(AttentionCache, RefusesTraining) {
  AttentionSpec spec = spec_of({});
  spec.k_past = {{3, 0}};
  spec.v_past = {{4, 0}};
  const TensorDesc rows{DType::f32, Shape{4, 8}}, cache{DType::f32, Shape{1, 1, 16, 8}};
  const TensorDesc in[] = {rows, rows, rows, cache, cache};
  PlanContext context;
  context.time = 4;
  context.context = 16;
  EXPECT_NO_THROW(make_attention(spec)->plan(in, context));
  context.training = true;
  EXPECT_THROW(make_attention(spec)->plan(in, context), Error);
}

TEST(AttentionCache, EveryInstructionSet) {
  for (const char* kernel : {"avx2", "generic"}) {
    if (std::string(kernel) == "avx2" && best_isa() < Isa::avx2) continue;
    expect_same_rows({.time = 70, .heads = 2, .kv_heads = 1, .kernel = kernel});
  }
}

TEST(AttentionCache, RefusesACacheThatIsTooSmall) {
  Case c{.time = 20};
  const Values x = random_values(c);
  EXPECT_THROW(attend_in_chunks(c, x, {10, 10}, {19}), Error);
}

}  // namespace
}  // namespace weft::test
