#include "lab/icl/measure.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/random.h"

namespace weft::icl {
namespace {

std::vector<double> diagonal(const std::vector<double>& entries) {
  std::vector<double> h(entries.size() * entries.size(), 0.0);
  for (size_t i = 0; i < entries.size(); ++i) h[i * entries.size() + i] = entries[i];
  return h;
}

TEST(IclMeasure, ConditionNumbersByHand) {
  // Sizes 0 0 1 2 4 8, of them the first two dead.
  const Condition c = condition_of(diagonal({0, 0, 1, -2, 4, 8}), {1, 1, 0, 0, 0, 0});
  EXPECT_EQ(c.r_med, 8);
  EXPECT_EQ(c.r_med_upper, 4);
  EXPECT_EQ(c.r_live, 4);
  EXPECT_NEAR(c.r_eig, 4, 1e-12);
  EXPECT_NEAR(c.r_eig_all, 8, 1e-12);
  EXPECT_NEAR(c.lambda_max, 8, 1e-12);
  EXPECT_NEAR(c.lambda_min, -2, 1e-12);
  EXPECT_EQ(c.negative, 1);
  EXPECT_EQ(c.live, 4);
}

// [[2, 1], [1, 2]] has the eigenvalues 1 and 3, which its diagonal does not show.
TEST(IclMeasure, EigenvaluesSeeWhatTheDiagonalDoesNot) {
  const Condition c = condition_of(std::vector<double>{2, 1, 1, 2}, {0, 0});
  EXPECT_EQ(c.r_live, 1);
  EXPECT_NEAR(c.r_eig, 3, 1e-12);
}

TEST(IclMeasure, ConditionRefusesWhatHasNone) {
  EXPECT_THROW(condition_of(std::vector<double>{1, 2}, {0, 0}), Error);
  EXPECT_THROW(condition_of(diagonal({0, 0}), {1, 1}), Error);
  EXPECT_TRUE(std::isinf(condition_of(diagonal({0, 0, 1}), {1, 1, 0}).r_med));
  const Condition bad = condition_of(diagonal({std::nan(""), 1}), {0, 0});
  EXPECT_TRUE(std::isnan(bad.r_med));
  EXPECT_TRUE(std::isnan(bad.r_eig));
}

/// Draws [count, 4] about (1, 2, 0, 3), the third coordinate dead, deviations 1, 2 and 0.5; `heavy`
/// multiplies every draw by a factor with a Pareto tail of index 3.
std::vector<double> draws_of(int count, bool heavy) {
  const Random random(7, "draws");
  std::vector<double> draws;
  for (int i = 0; i < count; ++i) {
    const auto at = static_cast<uint64_t>(i) * 8;
    const double factor = heavy ? std::pow(random.uniform(at + 5), -1.0 / 3) : 1;
    draws.push_back(1 + factor * random.normal(at));
    draws.push_back(2 + factor * 2 * random.normal(at + 1));
    draws.push_back(0);
    draws.push_back(3 + factor * 0.5 * random.normal(at + 2));
  }
  return draws;
}

TEST(IclMeasure, GaussianNoiseIsItsOwnNull) {
  const std::vector<double> g = {1, 2, 0, 3};
  const GradientNoise noise = noise_of(draws_of(8000, false), g, {0, 0, 1, 0}, 1);
  EXPECT_EQ(noise.draws, 8000);
  EXPECT_NEAR(noise.gradient_norm, std::sqrt(14), 1e-12);
  EXPECT_NEAR(noise.sample.median, noise.null.median, 0.05);
  EXPECT_NEAR(noise.sample.skewness, noise.null.skewness, 0.15);
  EXPECT_GT(noise.null.skewness, 0.4) << "a norm is skewed without any heavy tail";
  EXPECT_NEAR(noise.coordinate_kurtosis, 0, 0.2);
  double integral = 0;
  for (size_t i = 0; i < noise.histogram.density.size(); ++i) {
    integral +=
        noise.histogram.density[i] * (noise.histogram.edges[i + 1] - noise.histogram.edges[i]);
  }
  EXPECT_NEAR(integral, 1, 1e-12);
}

TEST(IclMeasure, HeavyNoiseExceedsItsNull) {
  const std::vector<double> g = {1, 2, 0, 3};
  const GradientNoise noise = noise_of(draws_of(8000, true), g, {0, 0, 1, 0}, 1);
  EXPECT_GT(noise.sample.excess_kurtosis, noise.null.excess_kurtosis + 5);
  EXPECT_LT(noise.sample.hill1, noise.null.hill1 / 2);
  EXPECT_GT(noise.coordinate_kurtosis, 2);
  EXPECT_GT(noise.beyond, 0);
  EXPECT_LT(noise.beyond, 80);
  // The last point of the QQ plot lies far above the diagonal.
  EXPECT_GT(noise.qq.back().y, 2 * noise.qq.back().x);
}

TEST(IclMeasure, NoiseRefusesWrongSizes) {
  EXPECT_THROW(noise_of(std::vector<double>(5), std::vector<double>(2), {0, 0}, 1), Error);
  EXPECT_THROW(noise_of({}, std::vector<double>(2), {0, 0}, 1), Error);
}

TEST(IclMeasure, SmoothnessDropsAndCountsNegativeCurvature) {
  const double none = std::nan("");
  std::vector<SmoothnessPoint> points;
  for (int64_t t = 0; t < 120; ++t) {
    const double gradient = 1 + static_cast<double>(t);
    // s = 3 |g|^2, every tenth below 0.
    points.push_back({t, gradient, t % 10 == 5 ? -1 : 3 * gradient * gradient,
                      t % 20 == 0 ? 0.5 + 2 * gradient : none});
  }
  const Smoothness s = smoothness_of(points);
  EXPECT_EQ(s.negative, 12);
  EXPECT_NEAR(s.spearman, 1, 1e-12);
  EXPECT_NEAR(s.logarithmic.slope, 2, 1e-9);
  EXPECT_NEAR(std::exp(s.logarithmic.intercept), 3, 1e-8);
  EXPECT_NEAR(s.bound.slope, 2, 1e-12);
  EXPECT_NEAR(s.bound.intercept, 0.5, 1e-12);
  ASSERT_EQ(s.windows.size(), 2u);
  EXPECT_EQ(s.windows[0].negative, 9);
  EXPECT_EQ(s.windows[1].from, 100);
  EXPECT_EQ(s.windows[1].negative, 2);
}

TEST(IclMeasure, DistanceToTheIdentity) {
  EXPECT_EQ(identity_distance({"Q", 2, 2, {3, 0, 0, 3}}), 0);
  // a = 2; the rest is (1, -1) on the diagonal: sqrt(2) / sqrt(10).
  EXPECT_NEAR(identity_distance({"Q", 2, 2, {3, 0, 0, 1}}), std::sqrt(0.2), 1e-14);
  EXPECT_EQ(identity_distance({"Q", 2, 2, {0, 1, -1, 0}}), 1);
  EXPECT_TRUE(std::isnan(identity_distance({"Q", 2, 2, {0, 0, 0, 0}})));
}

// Q = Sigma^-1 becomes I; B stays I only from the other side.
TEST(IclMeasure, WhiteningUndoesTheCovariance) {
  PromptLaw law;
  law.d = 2;
  law.covariance = {4, 0.25};
  const NamedMatrix q = whitened({"layers.0.Q", 2, 2, {0.25, 0, 0, 4}}, law);
  EXPECT_NEAR(identity_distance(q), 0, 1e-14);
  EXPECT_NEAR(q.values[0], 1, 1e-14);
  const NamedMatrix b = whitened({"layers.0.B", 2, 2, {1, 2, 3, 1}}, law);
  EXPECT_NEAR(b.values[0], 1, 1e-14);
  EXPECT_NEAR(b.values[1], 0.5, 1e-14);  // 1/2 * 2 * 1/2
  EXPECT_NEAR(b.values[2], 12, 1e-13);   // 2 * 3 * 2
  law.covariance = {4, 1, 1, 4};
  // Sigma^(1/2) of [[4, 1], [1, 4]] squared is Sigma.
  const NamedMatrix full = whitened({"layers.0.Q", 2, 2, {1, 0, 0, 1}}, law);
  EXPECT_NEAR(full.values[1], 1, 1e-13);
  EXPECT_NEAR(full.values[0], 4, 1e-13);
}

}  // namespace
}  // namespace weft::icl
