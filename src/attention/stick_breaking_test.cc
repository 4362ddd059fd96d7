// The golden cases of the stick-breaking specification that are about values. Names: G1, G2, ...
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "attention/fixture_test.h"
#include "base/random.h"

namespace weft::test {
namespace {

double dot(const double* a, const double* b, int64_t n) {
  double s = 0;
  for (int64_t i = 0; i < n; ++i) s += a[i] * b[i];
  return s;
}

TEST(StickBreaking, G1OneToken) {
  for (const std::string remainder : {"none", "self-value", "learned"}) {
    for (const bool inclusive : {false, true}) {
      Case c{.time = 1, .args = {{"inclusive", inclusive}, {"remainder", remainder}}};
      const Values x = random_values(c);
      const Outcome r = attend(c, x);
      const double b = inclusive ? sigmoid(dot(x.q.data(), x.k.data(), 8) / std::sqrt(8.)) : 0;
      const double rest = 1 - b;
      EXPECT_NEAR(r.rem[0], rest, 1e-6);
      for (size_t d = 0; d < 8; ++d) {
        const double base = remainder == "none" ? 0 : remainder == "learned" ? x.w[d] : x.v[d];
        EXPECT_NEAR(r.o[d], b * x.v[d] + rest * base, 2e-6);
        if (!inclusive) {
          EXPECT_EQ(r.dq[d], 0);
          EXPECT_EQ(r.dk[d], 0);
          EXPECT_EQ(r.dv[d], remainder == "self-value" ? x.dx[d] : 0);
        }
      }
    }
  }
}

TEST(StickBreaking, G2TwoTokensByHand) {
  Case c{.time = 2, .head_dim = 2, .value_dim = 2, .scale = 1};
  Values x{{9, 9, 1, 2}, {0.5, 0.25, 9, 9}, {3, -1, 9, 9}, {7, 7, 2, 5}, {7, 0.5}, {}};
  const Outcome r = attend(c, x);
  const double b = sigmoid(1.0), g = 2 * 3 + 5 * -1, dz = b * (1 - b) * (g - 0.5);
  EXPECT_LT(error(r.o, {0, 0, 3 * b, -b}), 1e-6);
  EXPECT_LT(error(r.rem, {1, 1 - b}), 1e-6);
  EXPECT_LT(error(r.dq, {0, 0, 0.5 * dz, 0.25 * dz}), 1e-6);
  EXPECT_LT(error(r.dk, {dz, 2 * dz, 0, 0}), 1e-6);
  EXPECT_LT(error(r.dv, {2 * b, 5 * b, 0, 0}), 1e-6);
}

TEST(StickBreaking, G3EqualScoresFallGeometrically) {
  const Case c = scored(5, 5);
  Values x = with_scores(c, Array(5, 0.75));
  x.v.assign(25, 0);
  for (size_t j = 0; j < 5; ++j) x.v[j * 6] = 1;  // o is the row of weights
  const Outcome r = attend(c, x);
  const double b = sigmoid(0.75);
  for (int i = 0; i < 5; ++i) {
    for (int j = 0; j < i; ++j) {
      EXPECT_NEAR(r.o[size_t(i * 5 + j)], b * std::pow(1 - b, i - j - 1), 1e-7);
    }
  }
}

TEST(StickBreaking, TheReferenceIsTheProductFormula) {
  Case c{.time = 70, .head_dim = 1, .value_dim = 70, .scale = 1, .type = DType::f64};
  for (const bool inclusive : {false, true}) {
    c.args = {{"inclusive", inclusive}};
    Values x = random_values(c);
    x.v.assign(70 * 70, 0);
    for (size_t j = 0; j < 70; ++j) x.v[j * 71] = 1;
    Array z, weights, rem;
    for (const double q : x.q) {
      for (const double k : x.k) z.push_back(q * k);
    }
    stick_weights(z, 70, !inclusive, weights, rem);
    const Outcome r = attend(c, x);
    EXPECT_LT(error(r.o, weights), 1e-13);
    EXPECT_LT(error(r.rem, rem), 1e-13);
  }
}

TEST(StickBreaking, G9SaturatedScoresKeepTheirGradient) {
  for (const double z : {5., 10., 10.25, 10.5, 11., 12., 15., 20., 30.}) {
    const Case c = scored(3);
    Values x = with_scores(c, Array(3, z));
    x.dx = {0, 0, 1};
    x.drem = {0, 0, 0};
    x.v = {1, 3, 0};
    const Outcome r = attend(c, x);
    // Row 2: nearest key 1 (value 3), then key 0 (value 1).
    const double b = sigmoid(z), closed = 1 / (1 + std::exp(z));
    const double dz1 = b * closed * (3 - b * 1), dz0 = b * closed * closed * 1;
    EXPECT_NEAR(r.dk[1] / dz1, 1, 1e-5) << z;
    EXPECT_NEAR(r.dk[0] / dz0, 1, 1e-5) << z;
  }
}

TEST(StickBreaking, G10SmallGatesAreNotLost) {
  for (const double z : {-17., -8.}) {
    const int64_t n = 16384;
    const Case c = scored(n);
    const Values x = with_scores(c, Array(size_t(n), z));
    const Outcome r = attend_in_chunks(c, x, {n - 1, 1});  // only the last row matters here
    const double want = std::exp(-double(n - 1) * std::log1p(std::exp(z)));
    EXPECT_NEAR(r.rem.back() / want, 1, 1e-6) << z;
  }
}

// What does not reach the open key is what the nearer keys take, and what passes it.
TEST(StickBreaking, G11OneOpenKey) {
  for (const int64_t distance : {1, 100, 4000}) {
    const int64_t n = distance + 40;
    const Case c = scored(n, 2);
    const auto open = size_t(n - 1 - distance);
    Array z(size_t(n), -20);
    z[open] = 20;
    Values x = with_scores(c, z);
    for (size_t j = 0; j < size_t(n); ++j) {
      x.v[2 * j] = j == open ? 1 : 0;  // the weight of the open key
      x.v[2 * j + 1] = j == open ? 0 : 1;
    }
    const Outcome r = attend(c, x);
    const double weight = r.o[r.o.size() - 2], leak = r.o.back();
    EXPECT_LE(leak, double(distance) * 2.1e-9);
    EXPECT_NEAR(leak / (double(distance - 1) * sigmoid(-20) + 39 * sigmoid(-20) * sigmoid(-20)), 1,
                1e-5);
    EXPECT_NEAR(weight, 1 - double(distance) * sigmoid(-20), 1e-7);
  }
}

TEST(StickBreaking, G12ClosedKeysAreAsGoodAsAbsent) {
  const int64_t far = 128;
  for (const int64_t closed : {500, 512}) {
    const Case with = scored(far + closed), without = scored(far);
    Values x = random_values(without);
    for (double& k : x.k) k = double(float(k));
    x.q.assign(size_t(far), 1);
    Array z = x.k;
    z.resize(size_t(far + closed), -1e4);
    Values y = with_scores(with, z);
    std::copy(x.v.begin(), x.v.end(), y.v.begin());
    // The query of the first row after all closed keys sees the same as one right after the far
    // ones.
    Case query = without;
    query.time = far + 1;
    Values at = x;
    at.q.push_back(1), at.k.push_back(0), at.v.push_back(0), at.dx.push_back(0),
        at.drem.push_back(0);
    const Outcome a = attend(with, y), b = attend(query, at);
    EXPECT_NEAR(a.o.back(), b.o.back(), 1e-6 * (std::abs(b.o.back()) + 1e-3));
    if (closed % 64 != 0) continue;
    // Whole aligned blocks: the row at the end of them has the same bits.
    const size_t row = size_t(far + closed - 1);
    EXPECT_EQ(a.rem[row], b.rem.back());
    EXPECT_EQ(a.o[row], b.o.back());
  }
}

TEST(StickBreaking, G13RemainderGradientAlone) {
  for (const double mean : {0., -8., -17.}) {
    const int64_t n = 700;
    const Case c = scored(n);
    Values x = with_scores(c, Array(size_t(n), mean));
    const Random random(2, "g13");
    if (mean == 0) {
      for (size_t j = 0; j < size_t(n); ++j) x.k[j] = double(float(random.normal(j)));
    }
    std::fill(x.dx.begin(), x.dx.end(), 0);
    std::fill(x.drem.begin(), x.drem.end(), 1);
    const Outcome r = attend(c, x);
    Array got, want;
    for (size_t j = 0; j + 1 < size_t(n); j += 37) {
      double sum = 0;  // over queries, of -b_j * rem_i
      for (size_t i = j + 1; i < size_t(n); ++i) {
        double rem = 1;
        for (size_t l = 0; l < i; ++l) rem *= 1 / (1 + std::exp(x.k[l]));
        sum -= sigmoid(x.k[j]) * rem;
      }
      got.push_back(r.dk[j]);
      want.push_back(sum);
    }
    EXPECT_LT(error(got, want), 1e-6) << mean;
  }
}

// With U in plain f32 between blocks the gradient drifts by several 1e-6 over 256 blocks.
TEST(StickBreaking, G13TheWorthOfTheStickDoesNotDrift) {
  const int64_t n = 16384;
  const Case c = scored(n);
  Values x = with_scores(c, Array(size_t(n), -17));
  std::fill(x.dx.begin(), x.dx.end(), 0);
  std::fill(x.drem.begin(), x.drem.end(), 1);
  const Outcome r = attend(c, x);
  const double b = sigmoid(-17.), closed = 1 / (1 + std::exp(-17.));
  double sum = 0;  // of rem over the queries that see the key
  for (int64_t j = n - 2; j >= n - 500; --j) {
    sum += std::pow(closed, double(j + 1));
    ASSERT_NEAR(r.dk[size_t(j)] / (-b * sum), 1, 1e-6) << j;
  }
}

TEST(StickBreaking, G14ConstantValuesGiveNoGradient) {
  Case c{.time = 130, .value_dim = 4};
  Values x = random_values(c);
  const double v[] = {1, -2, 0.5, 3};
  for (size_t i = 0; i < x.v.size(); ++i) {
    x.v[i] = v[i % 4];
    x.dx[i] = double(i / 4 % 3) - 1;  // small integers: the products are exact
  }
  for (size_t i = 0; i < x.drem.size(); ++i) x.drem[i] = dot(&x.dx[i * 4], v, 4);
  const Outcome r = attend(c, x);
  EXPECT_EQ(error(r.dq, Array(r.dq.size(), 0)), 0);
  EXPECT_EQ(error(r.dk, Array(r.dk.size(), 0)), 0);
}

}  // namespace
}  // namespace weft::test
