// Statistics of small samples (seeds) and of large ones with heavy tails (gradient noise).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

// Samples must not be empty unless said otherwise, and no function changes or keeps them. A sample
// that holds a NaN has a NaN for every statistic; infinities are ordinary values of orderings.
namespace weft::stats {

double mean(std::span<const double> sample);
/// Unbiased (n - 1); NaN for a single value, whose spread nobody knows.
double deviation(std::span<const double> sample);
/// The lower of the two middle values where the count is even: what numpy and torch call a median
/// differs by this (arXiv 2310.01082's robust condition number takes the lower one).
double lower_median(std::span<const double> sample);
double upper_median(std::span<const double> sample);
/// The mean of the two.
double median(std::span<const double> sample);
/// Linear between order statistics: p in [0, 1] stands at p (n - 1).
double quantile(std::span<const double> sample, double p);
/// The mean of the values cut at their quantile p: a few huge losses no longer decide.
double clipped_mean(std::span<const double> sample, double p = 0.99);

/// The t of which a variable of Student's law with `freedom` >= 1 degrees stays within -t and t
/// with probability `level` in (0, 1).
double student_t(double level, int64_t freedom);

/// A mean with the interval that holds the true one with probability 95 % if the sample is normal.
struct Interval {
  double mean = 0, low = 0, high = 0;  ///< low and high: NaN for a single value
  double deviation = 0;                ///< unbiased, of the sample
  int64_t count = 0;
};
Interval interval95(std::span<const double> sample);

double skewness(std::span<const double> sample);         ///< m3 / m2^(3/2); NaN without spread
double excess_kurtosis(std::span<const double> sample);  ///< m4 / m2^2 - 3; NaN without spread
/// Hill's index of the upper tail: k / sum_{i <= k} ln(X_(i) / X_(k+1)), k the given share of the
/// sample, at least one value. The smaller, the heavier the tail. NaN where X_(k+1) <= 0 or the top
/// values are all equal.
double hill_index(std::span<const double> sample, double share);

struct Point {
  double x = 0, y = 0;
};
/// Quantiles of `sample` (y) against those of `null` (x) at (i + 1/2) / points, i < points, with
/// the tails further out: the ends of both are the last two points on each side.
std::vector<Point> qq(std::span<const double> sample, std::span<const double> null, int64_t points);

/// Densities over equal bins between least and greatest value; they integrate to 1.
struct Histogram {
  std::vector<double> edges;    ///< [bins + 1]
  std::vector<double> density;  ///< [bins]
};
/// Values must be finite. A sample without spread gets one bin of width 1 around it.
Histogram histogram(std::span<const double> sample, int64_t bins);

/// Ranks from 1; equal values share the mean of theirs.
std::vector<double> average_ranks(std::span<const double> sample);
/// Spearman's rho: the correlation of average ranks. NaN where one side has no spread or fewer than
/// two pairs are given. Both spans have one length.
double spearman(std::span<const double> x, std::span<const double> y);

struct Line {
  double slope = 0, intercept = 0;
};
/// Theil and Sen: the median of the slopes of all pairs with different x, and the median of
/// y - slope x. Up to 29 % of the points may be anything. NaN where no two x differ.
Line robust_line(std::span<const double> x, std::span<const double> y);

/// Curves of several seeds, one row each: mean and deviation of every column.
struct Curve {
  std::vector<double> mean, deviation;
};
/// Throws Error(runtime) where rows differ in length or there are none.
Curve over_seeds(std::span<const std::vector<double>> rows);

}  // namespace weft::stats
