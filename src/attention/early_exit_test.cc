// The early exit of stick-breaking: exact without a threshold, within its bounds with one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "attention/fixture_test.h"

namespace weft::test {
namespace {

/// Scores are normal with this mean and spread.
struct Regime {
  double mean, spread;
};
constexpr Regime kRegimes[] = {{3, 1}, {0, 1}, {-2, 1}, {-4, 1}, {-8, 1}, {20, 0}};

Values values_of(const Case& c, const Regime& g) {
  Values x = random_values(c);
  std::fill(x.q.begin(), x.q.end(), 1);
  for (double& k : x.k) k = double(float(g.mean + g.spread * k));
  return x;
}
Outcome with_exit(Case c, const Values& x, const char* exit) {
  c.args["early_exit"] = std::string(exit);
  return attend(c, x);
}

TEST(EarlyExit, G20ExactHasTheBitsOfOff) {
  for (const Regime g : kRegimes) {
    const Case c = scored(700, 4);
    const Values x = values_of(c, g);
    const Outcome off = with_exit(c, x, "off"), exact = with_exit(c, x, "exact");
    EXPECT_TRUE(off.o == exact.o && off.rem == exact.rem) << g.mean;
    EXPECT_TRUE(off.dq == exact.dq && off.dk == exact.dk && off.dv == exact.dv) << g.mean;
  }
}

// Beyond the stop at most eps of the stick would have been given out, of v instead of w.
TEST(EarlyExit, G20OutputWithinEps) {
  for (const std::string remainder : {"none", "learned"}) {
    for (const Regime g : kRegimes) {
      Case c = scored(700, 4);
      c.args = {{"remainder", remainder}};
      const Values x = values_of(c, g);
      const Outcome off = with_exit(c, x, "off");
      for (const auto& [text, eps] :
           {std::pair{"1e-3", 1e-3}, {"5.9604644775390625e-08", 0x1p-24}}) {
        const Outcome stopped = with_exit(c, x, text);
        double largest = 0;
        for (size_t i = 0; i < x.v.size(); ++i) {
          const double w = remainder == "none" ? 0 : x.w[i % 4];
          largest = std::max(largest, std::abs(x.v[i] - w));
        }
        for (size_t i = 0; i < off.o.size(); ++i) {
          ASSERT_NEAR(stopped.o[i], off.o[i], eps * largest + 1e-6) << g.mean;
        }
        for (size_t i = 0; i < off.rem.size(); ++i) {
          ASSERT_NEAR(stopped.rem[i], off.rem[i], eps + 1e-7);
        }
      }
    }
  }
}

// |error of dz_j| <= 2 eps b_j max |g - dr|. One row at a time has gradients, so dk is its dz.
TEST(EarlyExit, G20GradientWithinEps) {
  constexpr double kEps = 1e-3;
  double largest_share = 0;  // of the bound
  for (const Regime g : kRegimes) {
    const Case c = scored(500, 1);
    Values x = values_of(c, g);
    const Array drem = x.drem;
    std::fill(x.dx.begin(), x.dx.end(), 0);
    for (const size_t row : {499, 450, 300, 70, 1}) {
      std::fill(x.drem.begin(), x.drem.end(), 0);
      std::fill(x.dx.begin(), x.dx.end(), 0);
      x.dx[row] = 1.5;
      x.drem[row] = drem[row];
      const Outcome off = with_exit(c, x, "off"), stopped = with_exit(c, x, "1e-3");
      double largest = 0;
      for (size_t j = 0; j < row; ++j) {
        largest = std::max(largest, std::abs(1.5 * x.v[j] - drem[row]));
      }
      for (size_t j = 0; j < row; ++j) {
        const double bound = 2 * kEps * sigmoid(x.k[j]) * largest;
        const double off_by = std::abs(stopped.dk[j] - off.dk[j]);
        ASSERT_LE(off_by, bound + 1e-6 * std::abs(off.dk[j])) << g.mean << " " << row << " " << j;
        largest_share = std::max(largest_share, off_by / bound);
      }
    }
  }
  EXPECT_GT(largest_share, 0.01);  // the exit did fire
}

TEST(EarlyExit, G21Fires) {
  const Case c = scored(1201);  // the last row is alone in its tile
  const Outcome r = attend(c, values_of(c, {-2, 1}));
  EXPECT_LT(r.visited.back(), 12);  // of 19; 479 keys on average
  EXPECT_GT(r.visited.back(), 4);
}

}  // namespace
}  // namespace weft::test
