#include "lab/icl/wishart.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace weft::icl {
namespace {

TEST(IclWishart, ClosedFormsToOrderFour) {
  for (const int64_t d : {1, 2, 5, 20}) {
    for (const int64_t n : {1, 5, 20, 60}) {
      const std::vector<Quad> m = wishart_moments(d, n, 4);
      for (int k = 0; k <= 4; ++k) {
        const double closed = wishart_moment_closed(d, n, k);
        EXPECT_NEAR(static_cast<double>(m[static_cast<size_t>(k)]), closed, 1e-14 * closed)
            << d << ' ' << n << ' ' << k;
      }
    }
  }
}

TEST(IclWishart, PublishedTables) {
  const double at20[] = {5, 6.5, 10.05, 17.45, 32.9265, 66.2607, 140.620961, 312.512161};
  const double at5[] = {5, 11, 31.8, 108.2, 414.984, 1756.0368, 8097.45888, 40359.767616};
  const std::vector<Quad> m20 = wishart_moments(5, 20, 8), m5 = wishart_moments(5, 5, 8);
  for (size_t k = 1; k <= 8; ++k) {
    EXPECT_NEAR(static_cast<double>(m20[k]), at20[k - 1], 5e-7) << k;
    EXPECT_NEAR(static_cast<double>(m5[k]), at5[k - 1], 5e-7) << k;
  }
}

// A 1 x 1 Gram matrix is a chi-square over n; one example gives |x|^2, a chi-square of d degrees.
TEST(IclWishart, ChiSquaresToEveryOrder) {
  for (const int64_t size : {1, 3, 7}) {
    const std::vector<Quad> one = wishart_moments(1, size, kMaxMoment);
    const std::vector<Quad> single = wishart_moments(size, 1, kMaxMoment);
    Quad chi = 1, power = 1;
    for (int k = 1; k <= kMaxMoment; ++k) {
      chi *= static_cast<Quad>(size + 2 * (k - 1));
      power *= static_cast<Quad>(size);
      const auto at = static_cast<size_t>(k);
      EXPECT_NEAR(static_cast<double>(one[at] * power / chi), 1, 1e-15) << size << ' ' << k;
      EXPECT_NEAR(static_cast<double>(single[at] / chi), 1, 1e-15) << size << ' ' << k;
    }
  }
}

// X X^T and X^T X have the same eigenvalues but for zeros.
TEST(IclWishart, DimensionsAndExamplesMayBeExchanged) {
  const std::vector<Quad> a = wishart_moments(3, 7, 12), b = wishart_moments(7, 3, 12);
  Quad seven = 1, three = 1;
  for (size_t k = 1; k <= 12; ++k) {
    seven *= 7;
    three *= 3;
    EXPECT_NEAR(static_cast<double>(a[k] * seven / (b[k] * three)), 1, 1e-15) << k;
  }
}

TEST(IclWishart, RefusesWhatItCannotCompute) {
  EXPECT_THROW(wishart_moments(0, 5, 2), Error);
  EXPECT_THROW(wishart_moments(5, 0, 2), Error);
  EXPECT_THROW(wishart_moments(5, 5, kMaxMoment + 1), Error);
  EXPECT_THROW(wishart_moment_closed(5, 5, 5), Error);
}

}  // namespace
}  // namespace weft::icl
