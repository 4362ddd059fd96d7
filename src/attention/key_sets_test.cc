// Several sets of keys and values under one set of weights (true cross-layer attention, arXiv
// 2410.17897 equation 2).
#include <gtest/gtest.h>

#include <cmath>

#include "attention/fixture_test.h"
#include "base/error.h"

namespace weft::test {
namespace {

/// Every variant that takes several sets, with two of them.
std::vector<Variant> two_sets(Case c) {
  c.sets = 2;
  std::vector<Variant> all = variants(c);
  std::erase_if(
      all, [](const Variant& v) { return MechanismRegistry().find(v.c.mechanism).traits.ordered; });
  return all;
}

/// Heads [begin, end) of [rows, heads, dim].
Array heads_of(const Array& a, int64_t heads, int64_t dim, int64_t begin, int64_t end) {
  Array out;
  for (size_t row = 0; row < a.size(); row += size_t(heads * dim)) {
    out.insert(out.end(), a.begin() + int64_t(row) + begin * dim,
               a.begin() + int64_t(row) + end * dim);
  }
  return out;
}

/// The second set's keys become those of the first.
void repeat_keys(const Case& c, Values& x) {
  const Array first = heads_of(x.k, c.entries(), c.head_dim, 0, c.kv_heads);
  const auto width = size_t(c.kv_heads * c.head_dim);
  for (size_t i = 0; i < first.size(); ++i) {
    x.k[i / width * 2 * width + width + i % width] = first[i];
  }
}

// Softmax over duplicated keys halves each copy.
TEST(KeySets, EqualKeysGiveTheMeanOfTheValues) {
  Case c{.batch = 2,
         .time = 70,
         .heads = 4,
         .kv_heads = 2,
         .mechanism = "softmax",
         .window = 40,
         .type = DType::f64};
  Case both = c;
  both.sets = 2;
  Values x = random_values(both);
  repeat_keys(both, x);
  Values mean = x;
  mean.k = heads_of(x.k, 4, 8, 0, 2);
  mean.v = heads_of(x.v, 4, 8, 0, 2);
  const Array second = heads_of(x.v, 4, 8, 2, 4);
  for (size_t i = 0; i < second.size(); ++i) mean.v[i] = (mean.v[i] + second[i]) / 2;
  const Outcome got = attend(both, x), want = attend(c, mean);
  EXPECT_LT(error(got.o, want.o), 1e-12);
  EXPECT_LT(error(got.dq, want.dq), 1e-12);
}

// Unnormalised weights count every set in full.
TEST(KeySets, UnnormalisedSetsAddUp) {
  for (const std::string mechanism : {"relu", "sigmoid"}) {
    Case c{.time = 70, .heads = 2, .kv_heads = 1, .mechanism = mechanism, .type = DType::f64};
    Case both = c;
    both.sets = 2;
    const Values x = random_values(both);
    Array sum(size_t(70 * 2 * 8), 0);
    for (const int64_t set : {0, 1}) {
      Values one = x;
      one.k = heads_of(x.k, 2, 8, set, set + 1);
      one.v = heads_of(x.v, 2, 8, set, set + 1);
      const Array o = attend(c, one).o;
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += o[i];
    }
    EXPECT_LT(error(attend(both, x).o, sum), 1e-13) << mechanism;
  }
}

// One channel of every query is 1: what it adds to the scores of the second set hides that set.
TEST(KeySets, AHiddenSetChangesNothing) {
  for (const DType type : {DType::f64, DType::f32}) {
    for (auto [both, trace] : two_sets({.time = 90, .heads = 2, .kv_heads = 1, .type = type})) {
      SCOPED_TRACE(trace);
      Values x = random_values(both);
      for (size_t i = 0; i < x.q.size(); i += 8) x.q[i] = 1;
      for (size_t i = 0; i < x.k.size(); i += 16) x.k[i] = 0, x.k[i + 8] = -1e4;
      Values first = x;
      first.k = heads_of(x.k, 2, 8, 0, 1);
      first.v = heads_of(x.v, 2, 8, 0, 1);
      Case one = both;
      one.sets = 1;
      const Outcome got = attend(both, x), want = attend(one, first);
      const double limit = type == DType::f64 ? 1e-14 : 1e-6;
      EXPECT_LE(error(got.o, want.o), limit);
      EXPECT_LE(error(got.dq, want.dq), limit);
      EXPECT_LE(error(heads_of(got.dk, 2, 8, 0, 1), want.dk), limit);
      EXPECT_LE(error(heads_of(got.dv, 2, 8, 0, 1), want.dv), limit);
      for (const double d : heads_of(got.dk, 2, 8, 1, 2)) EXPECT_EQ(d, 0);
    }
  }
}

// A set that is the first one again shares its buffers: gradients of both uses add up.
TEST(KeySets, ASetMayBeTheFirstAgain) {
  for (const DType type : {DType::f64, DType::f32}) {
    Case c{.time = 80, .heads = 4, .kv_heads = 2, .mechanism = "softmax", .type = type};
    Case twice = c;
    twice.sets = 2;
    twice.k_from = twice.v_from = {0, 1, 0, 1};
    Values x = random_values(twice), one = x;
    one.k = heads_of(x.k, 4, 8, 0, 2);
    one.v = heads_of(x.v, 4, 8, 0, 2);
    const Outcome got = attend(twice, x), want = attend(c, one);
    const double limit = type == DType::f64 ? 1e-13 : 2e-6;
    EXPECT_LT(error(got.o, want.o), limit);
    EXPECT_LT(error(got.dq, want.dq), limit);
    EXPECT_LT(error(heads_of(got.dk, 4, 8, 0, 2), want.dk), limit);
    EXPECT_LT(error(heads_of(got.dv, 4, 8, 0, 2), want.dv), limit);
  }
}

// Heads of different sets share columns across key/value heads: their owners are one.
TEST(KeySets, SetsShareColumnsAcrossHeads) {
  Case c{
      .time = 70, .heads = 2, .kv_heads = 2, .mechanism = "softmax", .sets = 2, .type = DType::f64};
  c.k_from = {0, 1, 1, 2};  // the second set of head 0 is the first of head 1
  c.v_from = {0, 1, 3, 2};
  Values x = random_values(c), apart = x;
  apart.k = permuted(x.k, 8, c.k_from);
  apart.v = permuted(x.v, 8, c.v_from);
  Case full = c;
  full.k_from = full.v_from = {};
  const Outcome got = attend(c, x), want = attend(full, apart);
  EXPECT_EQ(got.o, want.o);
  EXPECT_EQ(got.dq, want.dq);
  Array sum = heads_of(want.dk, 4, 8, 1, 2);
  const Array other = heads_of(want.dk, 4, 8, 2, 3);
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += other[i];
  EXPECT_LT(error(heads_of(got.dk, 4, 8, 1, 2), sum), 1e-14);
  EXPECT_LT(error(heads_of(got.dv, 4, 8, 3, 4), heads_of(want.dv, 4, 8, 2, 3)), 1e-14);
}

TEST(KeySets, ChunksOverCachesGiveTheBitsOfTheFullForward) {
  for (const DType type : {DType::f32, DType::bf16, DType::f64}) {
    for (const auto& [c, trace] : two_sets({.time = 150,
                                  .heads = 4,
                                  .kv_heads = 2,
                                  .head_dim = 12,
                                  .value_dim = 20,
                                  .window = 70,
                                  .type = type})) {
      SCOPED_TRACE(trace);
      const Values x = random_values(c);
      const Outcome full = attend(c, x);
      for (const auto& chunks : {std::vector<int64_t>(150, 1), {64, 3, 1, 82}, {150}}) {
        const Outcome r = attend_in_chunks(c, x, chunks, {150, 71, 70, 96, 70, 131, 150, 70});
        EXPECT_EQ(r.o, full.o);
        EXPECT_EQ(r.rem, full.rem);
      }
    }
  }
}

TEST(KeySets, RefusedWhereKeysHaveAnOrder) {
  const auto expect_refused = [](const Case& c, const std::string& what) {
    try {
      make_attention(spec_of(c));
      ADD_FAILURE() << what;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(what), std::string::npos) << e.what();
    }
  };
  expect_refused({.mechanism = "stick-breaking", .sets = 2}, "one set of keys and values");
  AttentionSpec spec = spec_of({.mechanism = "softmax", .sets = 2});
  spec.v.pop_back();
  EXPECT_THROW(make_attention(spec), Error);
}

}  // namespace
}  // namespace weft::test
