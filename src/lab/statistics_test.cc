#include "lab/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/random.h"

namespace weft::stats {
namespace {

using Sample = std::vector<double>;
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(IclStatistics, MeanAndDeviationByHand) {
  const Sample s = {1, 2, 4, 9};  // mean 4; squares 9, 4, 0, 25; 38 / 3
  EXPECT_EQ(mean(s), 4);
  EXPECT_NEAR(deviation(s), std::sqrt(38.0 / 3), 1e-15);
  EXPECT_TRUE(std::isnan(deviation(Sample{3}))) << "one value has no known spread";
}

TEST(IclStatistics, TheTwoMediansDifferWhereTheCountIsEven) {
  const Sample even = {7, 1, 100, 3}, odd = {5, 1, 9};
  EXPECT_EQ(lower_median(even), 3);
  EXPECT_EQ(upper_median(even), 7);
  EXPECT_EQ(median(even), 5);
  EXPECT_EQ(lower_median(odd), 5);
  EXPECT_EQ(upper_median(odd), 5);
}

// 150 numbers like the Hessian's diagonal at the start: 25 zeros, 50 small, 75 large ones. The
// definition decides between 230 and 2.3.
TEST(IclStatistics, TheLowerMedianOfTheDiagonalIsTheLargestOfTheSmallOnes) {
  Sample diagonal(25, 0.0);
  for (int i = 0; i < 50; ++i) diagonal.push_back(0.02 * (i + 1) / 50);
  for (int i = 0; i < 75; ++i) diagonal.push_back(2 + 2.6 * i / 74);
  EXPECT_NEAR(4.6 / lower_median(diagonal), 230, 1e-9);
  EXPECT_NEAR(4.6 / upper_median(diagonal), 2.3, 1e-9);
}

TEST(IclStatistics, QuantilesAreLinearBetweenValues) {
  const Sample s = {40, 10, 20, 30};
  EXPECT_EQ(quantile(s, 0), 10);
  EXPECT_EQ(quantile(s, 1), 40);
  EXPECT_NEAR(quantile(s, 0.5), 25, 1e-14);
  EXPECT_NEAR(quantile(s, 0.9), 37, 1e-13);
  EXPECT_EQ(quantile(Sample{1, 2, kInf}, 0.5), 2) << "an infinity beyond is no matter";
  EXPECT_TRUE(std::isnan(quantile(s, 1.5)));
}

TEST(IclStatistics, ClippingTakesTheTopAway) {
  Sample s(99, 1.0);
  s.push_back(1e9);
  // The quantile 0.5 is 1: the huge value counts as 1.
  EXPECT_EQ(clipped_mean(s, 0.5), 1);
  EXPECT_EQ(clipped_mean(s, 1), mean(s));
}

TEST(IclStatistics, NanIsNeverHidden) {
  const Sample s = {1, kNan, 3};
  for (const double value :
       {mean(s), deviation(s), lower_median(s), upper_median(s), quantile(s, 0), clipped_mean(s),
        skewness(s), excess_kurtosis(s), hill_index(s, 0.5), spearman(s, Sample{1, 2, 3}),
        robust_line(s, Sample{1, 2, 3}).slope}) {
    EXPECT_TRUE(std::isnan(value));
  }
}

// Tables of Student's law.
TEST(IclStatistics, StudentsQuantiles) {
  EXPECT_NEAR(student_t(0.95, 1), 12.7062, 1e-4);
  EXPECT_NEAR(student_t(0.95, 2), 4.30265, 1e-5);
  EXPECT_NEAR(student_t(0.95, 4), 2.77645, 1e-5);
  EXPECT_NEAR(student_t(0.95, 5), 2.57058, 1e-5);
  EXPECT_NEAR(student_t(0.99, 10), 3.16927, 1e-5);
  EXPECT_NEAR(student_t(0.95, 100000), 1.95996, 1e-4);
}

TEST(IclStatistics, IntervalOverSeeds) {
  const Interval i = interval95(Sample{1, 2, 3, 4, 5, 6});
  EXPECT_EQ(i.mean, 3.5);
  EXPECT_EQ(i.count, 6);
  // 2.570582 * sqrt(3.5) / sqrt(6)
  EXPECT_NEAR(i.high - i.mean, 1.963314, 1e-5);
  EXPECT_NEAR(i.mean - i.low, i.high - i.mean, 1e-14);
  EXPECT_TRUE(std::isnan(interval95(Sample{1}).low));
}

// 0, 0, 0, 4: mean 1, m2 = 3, m3 = 6, m4 = 21.
TEST(IclStatistics, ShapeByHand) {
  const Sample s = {0, 0, 0, 4};
  EXPECT_NEAR(skewness(s), 6 / std::pow(3, 1.5), 1e-14);
  EXPECT_NEAR(excess_kurtosis(s), 21.0 / 9 - 3, 1e-14);
  EXPECT_TRUE(std::isnan(skewness(Sample{2, 2, 2})));
  EXPECT_TRUE(std::isnan(excess_kurtosis(Sample{2, 2, 2})));
}

TEST(IclStatistics, ShapeOfKnownLaws) {
  const Random random(3, "shapes");
  Sample normal, uniform, exponential;
  for (uint64_t i = 0; i < 40000; ++i) {
    normal.push_back(random.normal(i));
    uniform.push_back(random.uniform(i));
    exponential.push_back(-std::log(random.uniform(i)));
  }
  EXPECT_NEAR(excess_kurtosis(normal), 0, 0.1);
  EXPECT_NEAR(excess_kurtosis(uniform), -1.2, 0.05);
  EXPECT_NEAR(skewness(exponential), 2, 0.15);
  EXPECT_NEAR(excess_kurtosis(exponential), 6, 1.5);
}

TEST(IclStatistics, HillByHandAndOfParetosLaw) {
  // Top half: ln(8 / 2) + ln(4 / 2) = 3 ln 2.
  EXPECT_NEAR(hill_index(Sample{1, 2, 4, 8}, 0.5), 2 / (3 * std::log(2)), 1e-14);
  const Random random(4, "pareto");
  Sample s;
  for (uint64_t i = 0; i < 20000; ++i) s.push_back(std::pow(random.uniform(i), -1 / 2.5));
  EXPECT_NEAR(hill_index(s, 0.05), 2.5, 0.2);
  EXPECT_NEAR(hill_index(s, 0.01), 2.5, 0.5);
  EXPECT_TRUE(std::isnan(hill_index(Sample{-3, -2, 1, 4}, 0.5))) << "no logarithm of a negative";
  EXPECT_TRUE(std::isnan(hill_index(Sample{1, 1, 1, 1}, 0.5)));
}

TEST(IclStatistics, QuantilesOfEqualLawsLieOnTheDiagonal) {
  Sample a, b;
  for (int i = 0; i < 1000; ++i) a.push_back(i), b.push_back(2 * i + 1);
  const std::vector<Point> points = qq(b, a, 20);
  ASSERT_EQ(points.size(), 24u);
  for (const Point& p : points) EXPECT_NEAR(p.y, 2 * p.x + 1, 1e-9);
  EXPECT_EQ(points.back().x, 999);
  EXPECT_TRUE(qq(Sample{1, kNan}, a, 5).empty());
}

TEST(IclStatistics, HistogramIsADensity) {
  const Histogram h = histogram(Sample{0, 1, 1, 2, 4}, 4);
  EXPECT_EQ(h.edges, (Sample{0, 1, 2, 3, 4}));
  const Sample expected = {0.2, 0.4, 0.2, 0.2};  // the greatest value belongs to the last bin
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(h.density[i], expected[i], 1e-15);
  const Histogram flat = histogram(Sample{3, 3}, 10);
  EXPECT_EQ(flat.density, Sample{1});
}

TEST(IclStatistics, RanksOfTiesAreShared) {
  EXPECT_EQ(average_ranks(Sample{10, 30, 20, 20}), (Sample{1, 4, 2.5, 2.5}));
  EXPECT_EQ(average_ranks(Sample{7, 7, 7}), (Sample{2, 2, 2}));
}

TEST(IclStatistics, SpearmanByHand) {
  EXPECT_NEAR(spearman(Sample{1, 2, 3, 4}, Sample{1, 8, 27, 640}), 1, 1e-15);
  EXPECT_NEAR(spearman(Sample{1, 2, 3, 4}, Sample{9, 8, 7, -kInf}), -1, 1e-15);
  // Ranks 1 2 3 4 against 1 2.5 2.5 4: covariance 4.5, variances 5 and 4.5.
  EXPECT_NEAR(spearman(Sample{1, 2, 3, 4}, Sample{0, 5, 5, 9}), 4.5 / std::sqrt(22.5), 1e-14);
  EXPECT_TRUE(std::isnan(spearman(Sample{1, 2, 3}, Sample{5, 5, 5})));
}

TEST(IclStatistics, TheRobustLineIgnoresAThird) {
  Sample x, y;
  for (int i = 0; i < 20; ++i) x.push_back(i), y.push_back(3 * i - 2);
  for (int i = 0; i < 5; ++i) y[static_cast<size_t>(4 * i)] = 1e6;
  const Line line = robust_line(x, y);
  EXPECT_NEAR(line.slope, 3, 1e-12);
  EXPECT_NEAR(line.intercept, -2, 1e-11);
  EXPECT_TRUE(std::isnan(robust_line(Sample{2, 2}, Sample{1, 5}).slope));
}

TEST(IclStatistics, CurvesOverSeeds) {
  const std::vector<Sample> rows = {{1, 10}, {3, 30}};
  const Curve curve = over_seeds(rows);
  EXPECT_EQ(curve.mean, (Sample{2, 20}));
  EXPECT_NEAR(curve.deviation[1], std::sqrt(200.0), 1e-12);
  EXPECT_THROW(over_seeds(std::vector<Sample>{{1, 2}, {1}}), Error);
  EXPECT_THROW(over_seeds({}), Error);
}

}  // namespace
}  // namespace weft::stats
