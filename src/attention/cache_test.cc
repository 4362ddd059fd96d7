// Attention over a cache: decode and chunks against the full forward, bit for bit (G16).
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

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

// The last tokens of a long context, one by one: keys are dealt out over threads.
TEST(AttentionCache, DecodingSplitOverKeys) {
  for (const DType type : {DType::f32, DType::bf16}) {
    for (const int64_t heads : {1, 3}) {  // all of one key/value head
      Case base{.time = 1300, .heads = heads, .head_dim = 20, .value_dim = 36, .type = type};
      if (heads == 3) base.window = 1200;
      for (auto [c, trace] : variants(base)) {
        SCOPED_TRACE(trace);
        const Values x = random_values(c);
        const Outcome full = attend(c, x);
        c.threads = 5;
        const Outcome r = attend_in_chunks(c, x, {1296, 1, 1, 1, 1});
        EXPECT_EQ(r.o, full.o);
        EXPECT_EQ(r.rem, full.rem);
      }
    }
  }
}

/// The last tokens one by one over many blocks of keys, by one thread and split over three.
void expect_same_last_rows(Case c, const std::vector<int64_t>& capacities = {}) {
  const Values x = random_values(c);
  const Outcome full = attend(c, x);
  for (const int threads : {1, 3}) {
    c.threads = threads;
    const Outcome r = attend_in_chunks(c, x, {c.time - 4, 1, 1, 1, 1}, capacities);
    EXPECT_EQ(r.o, full.o) << c.mechanism << ' ' << threads << " threads";
    EXPECT_EQ(r.rem, full.rem);
  }
}

// Lanes that heads leave empty hold further blocks; values of 32 channels of bf16 are paired where
// they lie, others are copied.
TEST(AttentionCache, DecodingOfSeveralBlocksAtATime) {
  for (const Isa isa : isas_here()) {
    for (const DType type : {DType::f32, DType::bf16}) {
      for (const auto& [heads, kv_heads] : {std::pair{1, 1}, {3, 3}, {6, 2}, {8, 8}}) {
        for (const int64_t value_dim : {32, 48, 64, 96}) {
          SCOPED_TRACE(std::string(name_of(isa)) + " " + std::to_string(heads) + " heads, " +
                       std::to_string(value_dim) + " channels " + std::string(name_of(type)));
          Case c{.time = 330,
                 .heads = heads,
                 .kv_heads = kv_heads,
                 .head_dim = 32,
                 .value_dim = value_dim,
                 .mechanism = "softmax",
                 .type = type,
                 .kernel = std::string(name_of(isa))};
          expect_same_last_rows(c);
          c.time = 201;
          c.mechanism = "stick-breaking";
          expect_same_last_rows(c);
        }
      }
    }
  }
}

TEST(AttentionCache, DecodingOfSeveralBlocksByEveryMechanism) {
  for (const DType type : {DType::f32, DType::bf16}) {
    for (const std::string& mechanism : mechanisms()) {
      Case c{.time = 1300, .heads = 2, .kv_heads = 2, .value_dim = 32, .mechanism = mechanism};
      c.type = type;
      expect_same_last_rows(c);
      c.slopes = alibi_slopes(2);
      expect_same_last_rows(c);
      c.slopes.clear();
      c.time = 700;
      c.window = 300;  // in a ring that wraps among whole blocks
      for (const int64_t capacity : {300, 331, 384}) expect_same_last_rows(c, {capacity});
    }
    Case sets{.time = 330, .heads = 2, .kv_heads = 2, .value_dim = 32, .mechanism = "softmax"};
    sets.sets = 2;
    sets.type = type;
    expect_same_last_rows(sets);
  }
}

// Sticks that last longer than what is first dealt out.
TEST(AttentionCache, DecodingSplitOverKeysGoesOnWhereSticksLast) {
  Case c{.time = 2100, .mechanism = "stick-breaking"};
  Values x = random_values(c);
  for (size_t i = 0; i < x.q.size(); i += 8) x.q[i] = 4, x.k[i] = -4;  // scores near -5.7
  const Outcome full = attend(c, x);
  c.threads = 4;
  EXPECT_EQ(attend_in_chunks(c, x, {2099, 1}).o, full.o);
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
  for (const Isa isa : isas_here()) {
    Case c{.time = 70, .heads = 2, .kv_heads = 1, .kernel = std::string(name_of(isa))};
    expect_same_rows(c);
    c.type = DType::bf16;
    expect_same_rows(c);
  }
}

TEST(AttentionCache, RefusesACacheThatIsTooSmall) {
  Case c{.time = 20};
  const Values x = random_values(c);
  EXPECT_THROW(attend_in_chunks(c, x, {10, 10}, {19}), Error);
}

}  // namespace
}  // namespace weft::test
