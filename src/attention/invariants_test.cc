// What attention does not change under, and how it must change: with random inputs under several
// seeds.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "attention/fixture_test.h"
#include "base/random.h"

namespace weft::test {
namespace {

constexpr uint64_t kSeeds[] = {11, 12, 13, 14};

/// Calls f(case, values) for every mechanism and seed.
template <class F>
void for_each(Case c, F f) {
  for (const std::string& mechanism : mechanisms()) {
    for (const uint64_t seed : kSeeds) {
      SCOPED_TRACE(mechanism + ", seed " + std::to_string(seed));
      c.mechanism = mechanism;
      f(c, random_values(c, seed));
    }
  }
}
/// The weights of a row, with what they leave, sum to one.
bool shares(const Case& c) {
  return settings_of(c).normalised || settings_of(c).leaves_rest;
}
Array scaled(Array a, double by) {
  for (double& e : a) e *= by;
  return a;
}

TEST(Invariants, LinearInTheValues) {
  for_each({.time = 130}, [](const Case& c, Values x) {
    const Array first = x.v, second = random_values(c, 99).v;
    const Array a = attend(c, x).o;
    x.v = second;
    const Array b = attend(c, x).o;
    Array want;
    for (size_t i = 0; i < a.size(); ++i) want.push_back(2.5 * a[i] - 0.75 * b[i]);
    for (size_t i = 0; i < first.size(); ++i) x.v[i] = 2.5 * first[i] - 0.75 * second[i];
    EXPECT_LT(error(attend(c, x).o, want), 2e-6);
  });
}

TEST(Invariants, ConstantValuesComeBack) {
  for_each({.time = 130, .value_dim = 3}, [](const Case& c, Values x) {
    if (!shares(c)) return;
    const double constant[] = {1, -3, 0.125};
    for (size_t i = 0; i < x.v.size(); ++i) x.v[i] = constant[i % 3];
    const Outcome r = attend(c, x);
    for (size_t i = 0; i < r.o.size(); ++i) {
      const double rem = r.rem.empty() ? 0 : r.rem[i / 3];
      ASSERT_NEAR(r.o[i], (1 - rem) * constant[i % 3], 3e-6);
    }
  });
}

TEST(Invariants, WeightsAreShares) {
  constexpr int64_t kTime = 130;
  for (const double size : {0.25, 1., 8.}) {
    for_each({.time = kTime, .value_dim = kTime, .scale = size}, [&](const Case& c, Values x) {
      x.v.assign(size_t(kTime * kTime), 0);
      for (size_t j = 0; j < size_t(kTime); ++j) x.v[j * size_t(kTime + 1)] = 1;
      const Outcome r = attend(c, x);  // o is the matrix of weights
      for (size_t i = 0; i < size_t(kTime); ++i) {
        double sum = r.rem.empty() ? 0 : r.rem[i];
        for (size_t j = 0; j < size_t(kTime); ++j) {
          const double w = r.o[i * size_t(kTime) + j];
          ASSERT_TRUE(w >= 0 && (w <= 1 || !shares(c)));
          ASSERT_TRUE(j <= i || w == 0);
          sum += w;
        }
        ASSERT_TRUE(!shares(c) || std::abs(sum - 1) < 2e-6);
      }
    });
  }
}

TEST(Invariants, EqualScoresFallWithDistance) {
  constexpr int64_t kTime = 100;
  const Random random(3, "scores");
  for (const uint64_t seed : kSeeds) {
    const Case c = scored(kTime, kTime);
    Values x = with_scores(c, Array(size_t(kTime), double(float(random.normal(seed)))));
    x.v.assign(size_t(kTime * kTime), 0);
    for (size_t j = 0; j < size_t(kTime); ++j) x.v[j * size_t(kTime + 1)] = 1;
    const Array weights = attend(c, x).o;
    for (size_t i = 1; i < size_t(kTime); ++i) {
      const double* row = &weights[i * size_t(kTime)];
      EXPECT_GT(row[i - 1], 0);
      for (size_t j = 1; j < i; ++j)
        ASSERT_TRUE(row[j - 1] < row[j] || row[j] == 0) << i << " " << j;
    }
  }
}

/// Two channels: scores are a product of random numbers plus what the second channel of the key
/// says.
Case flagged(int64_t time) {
  return {.time = time, .head_dim = 2, .value_dim = 4, .scale = 1};
}
Values flagged_values(const Case& c, uint64_t seed) {
  Values x = random_values(c, seed);
  for (size_t i = 0; i < size_t(c.time); ++i) x.q[2 * i + 1] = 1, x.k[2 * i + 1] = 0;
  return x;
}
void flag(Values& x, size_t key, double score) {
  x.k[2 * key] = 0, x.k[2 * key + 1] = score;
}

TEST(Invariants, ClosedKeysInFrontChangeNothing) {
  constexpr int64_t kTime = 150;
  for (const uint64_t seed : kSeeds) {
    for (const int64_t closed : {1, 63, 64, 100, 128}) {
      const int64_t all = kTime + closed;
      const Case with = flagged(all), without = flagged(kTime);
      Values x = flagged_values(with, seed);
      for (int64_t j = 0; j < closed; ++j) {
        flag(x, size_t(j), -1e4);
        for (size_t d = 0; d < 4; ++d) x.dx[size_t(j) * 4 + d] = 0;
        x.drem[size_t(j)] = 0;
      }
      const auto rest = [&](const Array& a) { return rows_of(a, all, closed, all); };
      const Outcome a = attend(with, x);
      const Outcome b =
          attend(without, {rest(x.q), rest(x.k), rest(x.v), rest(x.dx), rest(x.drem), {}});
      const double limit = closed % 64 == 0 ? 0 : 1e-6;  // whole blocks: the same bits
      EXPECT_LE(error(rest(a.o), b.o), limit) << closed;
      EXPECT_LE(error(rest(a.rem), b.rem), limit) << closed;
      EXPECT_LE(error(rest(a.dq), b.dq), limit) << closed;
      EXPECT_LE(error(rest(a.dk), b.dk), 1e-6) << closed;
      EXPECT_LE(error(rest(a.dv), b.dv), 1e-6) << closed;
    }
  }
}

TEST(Invariants, AClosedKeyIsAsGoodAsAbsent) {
  constexpr int64_t kTime = 150;
  for (const uint64_t seed : kSeeds) {
    const Case with = flagged(kTime), without = flagged(kTime - 1);
    Values x = flagged_values(with, seed);
    const auto key = int64_t(Random(seed, "key").below(0, kTime - 20));
    flag(x, size_t(key), -1e4);
    const auto rest = [&](const Array& a) {
      Array before = rows_of(a, kTime, 0, key);
      const Array after = rows_of(a, kTime, key + 1, kTime);
      before.insert(before.end(), after.begin(), after.end());
      return before;
    };
    const Outcome a = attend(with, x);
    const Outcome b =
        attend(without, {rest(x.q), rest(x.k), rest(x.v), rest(x.dx), rest(x.drem), {}});
    EXPECT_LT(error(rest(a.o), b.o), 1e-6) << key;
    EXPECT_LT(error(rest(a.rem), b.rem), 1e-6) << key;
    EXPECT_LT(error(rest(a.dq), b.dq), 1e-6) << key;
  }
}

// Keys of farther blocks have no influence whatever. Those of the open key's own block move the
// worth U, which the open key then replaces by g = U + (g - U): exact up to the rounding of U.
TEST(Invariants, AnOpenKeyHidesEverythingFarther) {
  constexpr int64_t kTime = 150;
  for (const uint64_t seed : kSeeds) {
    const Case c = flagged(kTime);
    Values x = flagged_values(c, seed);
    const auto key = int64_t(Random(seed, "key").below(0, kTime - 20)) + 5;
    flag(x, size_t(key), 1e4);
    const Outcome before = attend(c, x);
    const auto change = [&](int64_t begin, int64_t end) {
      for (auto j = size_t(begin); j < size_t(end); ++j) {
        x.k[2 * j] = 3;
        for (size_t d = 0; d < 4; ++d) x.v[4 * j + d] += 2;
      }
      return attend(c, x);
    };
    const auto nearer = [&](const Array& a) { return rows_of(a, kTime, key + 1, kTime); };
    const Outcome farther_blocks = change(0, key / 64 * 64);
    EXPECT_EQ(nearer(farther_blocks.o), nearer(before.o));
    EXPECT_EQ(nearer(farther_blocks.dq), nearer(before.dq));
    const Outcome after = change(key / 64 * 64, key);
    EXPECT_EQ(nearer(after.o), nearer(before.o));
    EXPECT_LT(error(nearer(after.dq), nearer(before.dq)), 1e-6);
    EXPECT_EQ(nearer(after.rem), Array(size_t(kTime - key - 1), 0));
    EXPECT_NE(rows_of(after.o, kTime, key, key + 1), rows_of(before.o, kTime, key, key + 1));
  }
}

TEST(Invariants, SwappingTwoKeysMatters) {
  for (const uint64_t seed : kSeeds) {
    const Case c{.time = 20};
    Values x = random_values(c, seed);
    const Outcome before = attend(c, x);
    for (size_t d = 0; d < 8; ++d) {
      std::swap(x.k[16 * 8 + d], x.k[18 * 8 + d]);
      std::swap(x.v[16 * 8 + d], x.v[18 * 8 + d]);
    }
    EXPECT_GT(error(rows_of(attend(c, x).o, 20, 19, 20), rows_of(before.o, 20, 19, 20)), 1e-3);
  }
}

TEST(Invariants, WhatLiesAtOrAfterTheQueryIsNotSeen) {
  constexpr int64_t kTime = 100, kAt = 9;  // early enough for a remainder that counts
  for (const std::string remainder : {"none", "self-value"}) {
    for (const bool inclusive : {false, true}) {
      for (const uint64_t seed : kSeeds) {
        const Case c{.time = kTime, .args = {{"inclusive", inclusive}, {"remainder", remainder}}};
        Values x = random_values(c, seed);
        const auto row = [&](int64_t i) { return rows_of(attend(c, x).o, kTime, i, i + 1); };
        const Array before = row(kAt);
        for (size_t i = (kAt + 1) * 8; i < kTime * 8; ++i) x.k[i] = -x.k[i], x.v[i] += 1;
        EXPECT_EQ(row(kAt), before);
        for (size_t i = kAt * 8; i < (kAt + 1) * 8; ++i) x.k[i] += 1;
        EXPECT_EQ(row(kAt) == before, !inclusive);
        const Array with_key = row(kAt);
        for (size_t i = kAt * 8; i < (kAt + 1) * 8; ++i) x.v[i] += 10;
        EXPECT_EQ(row(kAt) == with_key, !inclusive && remainder == "none");
      }
    }
  }
}

TEST(Invariants, SequencesArePermutedAlong) {
  for_each({.batch = 3, .time = 70, .heads = 2, .kv_heads = 1}, [](const Case& c, const Values& x) {
    const std::vector<int64_t> order = {2, 0, 1};
    const auto moved = [&](const Array& a) { return permuted(a, int64_t(a.size()) / 3, order); };
    const Outcome a = attend(c, x);
    const Outcome b =
        attend(c, {moved(x.q), moved(x.k), moved(x.v), moved(x.dx), moved(x.drem), x.w});
    EXPECT_EQ(b.o, moved(a.o));
    EXPECT_EQ(b.dq, moved(a.dq));
    EXPECT_EQ(b.dk, moved(a.dk));
    EXPECT_EQ(b.dv, moved(a.dv));
  });
}

TEST(Invariants, HeadsArePermutedAlong) {
  for_each({.time = 70, .heads = 6, .kv_heads = 3, .value_dim = 5},
           [](const Case& c, const Values& x) {
             const std::vector<int64_t> kv = {1, 2, 0}, q = {3, 2, 4, 5, 1, 0};
             const auto moved = [&](const Values& y) {
               return Values{permuted(y.q, 8, q),  permuted(y.k, 8, kv),   permuted(y.v, 5, kv),
                             permuted(y.dx, 5, q), permuted(y.drem, 1, q), {}};
             };
             const Outcome a = attend(c, x), b = attend(c, moved(x));
             EXPECT_EQ(b.o, permuted(a.o, 5, q));
             EXPECT_EQ(b.dq, permuted(a.dq, 8, q));
             EXPECT_LT(error(b.dk, permuted(a.dk, 8, kv)), 1e-6);
             EXPECT_LT(error(b.dv, permuted(a.dv, 5, kv)), 1e-6);
           });
}

TEST(Invariants, ChannelsArePermutedAlong) {
  for_each({.time = 70, .value_dim = 5}, [](const Case& c, const Values& x) {
    const std::vector<int64_t> keys = {7, 2, 0, 1, 6, 3, 5, 4}, values = {3, 0, 4, 1, 2};
    const Outcome a = attend(c, x);
    Values y = x;
    y.v = permuted(x.v, 1, values), y.dx = permuted(x.dx, 1, values);
    const Outcome b = attend(c, y);
    EXPECT_EQ(b.o, permuted(a.o, 1, values));
    EXPECT_EQ(b.dv, permuted(a.dv, 1, values));
    EXPECT_LT(error(b.dk, a.dk), 3e-6);
    y = x;
    y.q = permuted(x.q, 1, keys), y.k = permuted(x.k, 1, keys);
    const Outcome d = attend(c, y);
    EXPECT_LT(error(d.o, a.o), 3e-6);
    EXPECT_LT(error(d.dq, permuted(a.dq, 1, keys)), 5e-6);
    EXPECT_LT(error(d.dk, permuted(a.dk, 1, keys)), 5e-6);
  });
}

/// Turns the channels (a, b) of every row of 8 channels, for random pairs and angles.
Array rotated(Array x, uint64_t seed) {
  const Random random(seed, "rotation");
  for (uint64_t turn = 0; turn < 20; ++turn) {
    const size_t a = random.below(3 * turn, 8), b = (a + 1 + random.below(3 * turn + 1, 7)) % 8;
    const double angle = 2 * std::numbers::pi * random.uniform(3 * turn + 2);
    for (size_t row = 0; row < x.size(); row += 8) {
      const double u = x[row + a], w = x[row + b];
      x[row + a] = std::cos(angle) * u - std::sin(angle) * w;
      x[row + b] = std::sin(angle) * u + std::cos(angle) * w;
    }
  }
  return x;
}

TEST(Invariants, OneRotationOfQueriesAndKeysChangesNothing) {
  for (const DType type : {DType::f64, DType::f32}) {
    for_each({.time = 70, .type = type}, [&](const Case& c, const Values& x) {
      Values y = x;
      y.q = rotated(x.q, 7), y.k = rotated(x.k, 7);
      const Outcome a = attend(c, x), b = attend(c, y);
      const double limit = type == DType::f64 ? 1e-13 : 5e-6;
      EXPECT_LT(error(b.o, a.o), limit);
      EXPECT_LT(error(b.dv, a.dv), limit);
      EXPECT_LT(error(b.dq, rotated(a.dq, 7)), 2 * limit);
      EXPECT_LT(error(b.dk, rotated(a.dk, 7)), 2 * limit);
    });
  }
}

TEST(Invariants, PowersOfTwoMoveBetweenQueriesAndScale) {
  for (const double s : {0.125, 4., 64.}) {
    for_each({.time = 130, .scale = 0.375}, [&](Case c, const Values& x) {
      Values y = x;
      y.q = scaled(x.q, s);
      const Outcome a = attend(c, x);
      c.scale /= s;
      const Outcome b = attend(c, y);
      EXPECT_EQ(b.o, a.o);
      EXPECT_EQ(b.rem, a.rem);
      EXPECT_EQ(b.dk, a.dk);
      EXPECT_EQ(b.dv, a.dv);
      EXPECT_EQ(scaled(b.dq, s), a.dq);
    });
  }
}

}  // namespace
}  // namespace weft::test
