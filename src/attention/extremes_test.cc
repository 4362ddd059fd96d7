// Stick-breaking on scores of every size at once (G8).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "attention/fixture_test.h"
#include "base/random.h"

namespace weft::test {
namespace {

/// The formula in long double for one row of known scores and g = do.v, dr.
struct ExactRow {
  Array weights, dz, condition;  ///< [keys]
  double rem = 1;

  ExactRow(const Array& z, const Array& g, double dr, size_t keys)
      : weights(keys), dz(keys), condition(keys) {
    std::vector<long double> arrives(keys);
    long double stick = 1;
    for (size_t j = keys; j-- > 0;) {
      arrives[j] = stick;
      weights[j] = double(open(z[j]) * stick);
      stick *= open(-static_cast<long double>(z[j]));
    }
    rem = double(stick);
    long double worth = dr, largest = std::abs(dr);
    for (size_t j = 0; j < keys; ++j) {
      const long double b = open(z[j]), c = open(-static_cast<long double>(z[j]));
      const long double advantage = g[j] - worth;
      largest = std::max(largest, std::abs(static_cast<long double>(g[j])));
      dz[j] = double(b * arrives[j] * c * advantage);
      condition[j] = double(largest / std::abs(advantage));
      worth += b * advantage;
    }
  }
  static long double open(long double z) { return 1 / (1 + std::exp(-z)); }
};

/// Scores of every size; `rare`: those that end the stick come once in 2000 keys.
Array mixed_scores(int64_t n, bool rare) {
  constexpr double kAll[] = {1e4, 100, 30, 11, 0, -0., 1e-40, -1e-40, -11, -30, -100, -1e4};
  const Random random(5, "scores");
  Array z;
  for (uint64_t j = 0; j < uint64_t(n); ++j) {
    const bool small = rare && random.below(2 * j, 2000) != 0;
    z.push_back(double(float(kAll[random.below(2 * j + 1, small ? 4 : 12) + (small ? 8 : 0)])));
  }
  return z;
}

struct Worst {
  double conditioned = 0;  ///< relative error over the condition number
  double elements = 0;     ///< with |dz| > 1e-30
  double within = 0;       ///< of them, relative error at most 1e-4
};

/// Gradients of single rows, element by element, where |dz| > 1e-30.
Worst worst_gradient(const Case& c, const Array& z, std::initializer_list<int64_t> rows) {
  Values x = with_scores(c, z);
  const Array dx = x.dx, drem = x.drem;
  Worst worst;
  for (const int64_t row : rows) {
    const auto i = size_t(row);
    std::fill(x.dx.begin(), x.dx.end(), 0);
    std::fill(x.drem.begin(), x.drem.end(), 0);
    x.dx[i] = dx[i], x.drem[i] = drem[i];
    Array g;
    for (const double v : x.v) g.push_back(dx[i] * v);
    const ExactRow exact(z, g, drem[i], i);
    const Outcome r = attend(c, x);
    for (size_t j = 0; j < i; ++j) {
      EXPECT_TRUE(std::isfinite(r.dk[j]));
      if (std::abs(exact.dz[j]) < 1e-30) continue;
      const double off_by = std::abs(r.dk[j] / exact.dz[j] - 1);
      worst.conditioned = std::max(worst.conditioned, off_by / exact.condition[j]);
      worst.elements += 1;
      worst.within += off_by <= 1e-4 ? 1 : 0;
    }
  }
  return worst;
}

// dz = A c (g - U), where U is a mean of dr and of the g's farther on: rounding moves g - U by some
// 1e-7 of the largest of them, so dz is off by that over |g - U|, whatever is done with it. Hence
// the bound is 2e-6 times that condition number, and 1e-4 for all but one element in a thousand
// (decision 0005).
TEST(StickBreaking, G8GradientsElementByElement) {
  for (const bool rare : {false, true}) {
    const Worst worst =
        worst_gradient(scored(300), mixed_scores(300, rare), {299, 298, 200, 130, 64});
    EXPECT_LT(worst.conditioned, 2e-6);
    EXPECT_EQ(worst.within, worst.elements);
    EXPECT_GT(worst.elements, 20);
  }
}

TEST(StickBreaking, G8GradientsOfALongRow) {
  const int64_t n = 16384;
  const Worst worst = worst_gradient(scored(n), mixed_scores(n, true), {n - 1});
  EXPECT_LT(worst.conditioned, 2e-6);
  EXPECT_GT(worst.within, 0.999 * worst.elements);
  EXPECT_GT(worst.elements, 5000);
}

TEST(StickBreaking, G8MixedExtremesStayFinite) {
  const Case c = scored(300);
  const Values x = with_scores(c, mixed_scores(300, false));
  Case exact = c;
  exact.type = DType::f64;
  const Outcome want = attend(exact, x), got = attend(c, x);
  EXPECT_LT(error(got.o, want.o), 2e-6);
  EXPECT_LT(error(got.rem, want.rem), 2e-6);
  EXPECT_LT(error(got.dq, want.dq), 5e-6);
  EXPECT_LT(error(got.dk, want.dk), 5e-6);
  EXPECT_LT(error(got.dv, want.dv), 5e-6);
}

TEST(StickBreaking, G8WeightsAndRemainderSumToOne) {
  for (const auto& [n, rare] : {std::pair<int64_t, bool>{300, false}, {300, true}, {16384, true}}) {
    const Case c = scored(n);
    Values x = with_scores(c, mixed_scores(n, rare));
    x.v.assign(size_t(n), 1);  // o is the sum of the weights
    const Outcome r = attend_in_chunks(c, x, {n - 64, 64});
    for (size_t i = 0; i < r.o.size(); ++i) ASSERT_NEAR(r.o[i] + r.rem[i], 1, 1e-6) << i;
  }
}

}  // namespace
}  // namespace weft::test
