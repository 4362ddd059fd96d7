#include "lab/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "base/error.h"

namespace weft::stats {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

bool has_nan(std::span<const double> sample) {
  return sample.empty() ||
         std::any_of(sample.begin(), sample.end(), [](double x) { return std::isnan(x); });
}

/// The value at place `at` of the sorted sample.
double order_statistic(std::span<const double> sample, size_t at) {
  if (has_nan(sample)) return kNan;
  std::vector<double> copy(sample.begin(), sample.end());
  std::nth_element(copy.begin(), copy.begin() + static_cast<ptrdiff_t>(at), copy.end());
  return copy[at];
}

std::vector<double> sorted(std::span<const double> sample) {
  std::vector<double> copy(sample.begin(), sample.end());
  std::sort(copy.begin(), copy.end());
  return copy;
}

double quantile_of_sorted(std::span<const double> values, double p) {
  const double at = p * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(at);
  const double share = at - static_cast<double>(below);
  // Not a weight of 0 times an infinity.
  if (share == 0 || below + 1 == values.size()) return values[below];
  return values[below] + share * (values[below + 1] - values[below]);
}

double central_moment(std::span<const double> sample, double centre, int order) {
  double sum = 0;
  for (const double x : sample) sum += std::pow(x - centre, order);
  return sum / static_cast<double>(sample.size());
}

/// P(|T| < t) for Student's law, by its finite series (Abramowitz and Stegun 26.7.3 and 26.7.4).
double student_within(double t, int64_t freedom) {
  const double angle = std::atan(t / std::sqrt(static_cast<double>(freedom)));
  const double c2 = std::cos(angle) * std::cos(angle);
  const bool odd = freedom % 2 == 1;
  double term = odd ? std::cos(angle) : 1, sum = 0;
  for (int64_t k = odd ? 3 : 2; k <= freedom; k += 2) {
    sum += term;
    term *= c2 * static_cast<double>(k - 1) / static_cast<double>(k);
  }
  if (odd) return 2 / std::numbers::pi * (angle + std::sin(angle) * sum);
  return std::sin(angle) * sum;
}

}  // namespace

double mean(std::span<const double> sample) {
  if (sample.empty()) return kNan;
  return std::accumulate(sample.begin(), sample.end(), 0.0) / static_cast<double>(sample.size());
}

double deviation(std::span<const double> sample) {
  if (sample.size() < 2) return kNan;
  const auto n = static_cast<double>(sample.size());
  return std::sqrt(central_moment(sample, mean(sample), 2) * n / (n - 1));
}

double lower_median(std::span<const double> sample) {
  return order_statistic(sample, sample.empty() ? 0 : (sample.size() - 1) / 2);
}

double upper_median(std::span<const double> sample) {
  return order_statistic(sample, sample.size() / 2);
}

double median(std::span<const double> sample) {
  const double low = lower_median(sample), high = upper_median(sample);
  return low == high ? low : (low + high) / 2;
}

double quantile(std::span<const double> sample, double p) {
  if (has_nan(sample) || !(p >= 0 && p <= 1)) return kNan;
  return quantile_of_sorted(sorted(sample), p);
}

double clipped_mean(std::span<const double> sample, double p) {
  const double most = quantile(sample, p);
  if (std::isnan(most)) return kNan;
  double sum = 0;
  for (const double x : sample) sum += std::min(x, most);
  return sum / static_cast<double>(sample.size());
}

double student_t(double level, int64_t freedom) {
  if (!(level > 0 && level < 1) || freedom < 1) return kNan;
  double low = 0, high = 1;
  while (student_within(high, freedom) < level) high *= 2;
  for (int i = 0; i < 200 && low < high; ++i) {
    const double middle = (low + high) / 2;
    if (middle == low || middle == high) break;
    (student_within(middle, freedom) < level ? low : high) = middle;
  }
  return (low + high) / 2;
}

Interval interval95(std::span<const double> sample) {
  Interval out;
  out.count = static_cast<int64_t>(sample.size());
  out.mean = mean(sample);
  out.deviation = deviation(sample);
  const double reach = sample.size() < 2 ? kNan
                                         : student_t(0.95, out.count - 1) * out.deviation /
                                               std::sqrt(static_cast<double>(out.count));
  out.low = out.mean - reach;
  out.high = out.mean + reach;
  return out;
}

double skewness(std::span<const double> sample) {
  if (has_nan(sample)) return kNan;
  const double centre = mean(sample), m2 = central_moment(sample, centre, 2);
  return m2 > 0 ? central_moment(sample, centre, 3) / std::pow(m2, 1.5) : kNan;
}

double excess_kurtosis(std::span<const double> sample) {
  if (has_nan(sample)) return kNan;
  const double centre = mean(sample), m2 = central_moment(sample, centre, 2);
  return m2 > 0 ? central_moment(sample, centre, 4) / (m2 * m2) - 3 : kNan;
}

double hill_index(std::span<const double> sample, double share) {
  if (has_nan(sample) || sample.size() < 2 || !(share > 0 && share < 1)) return kNan;
  const std::vector<double> values = sorted(sample);
  const auto k =
      std::max<size_t>(1, static_cast<size_t>(share * static_cast<double>(values.size())));
  const double base = values[values.size() - 1 - k];
  if (!(base > 0)) return kNan;
  double sum = 0;
  for (size_t i = values.size() - k; i < values.size(); ++i) sum += std::log(values[i] / base);
  return sum > 0 ? static_cast<double>(k) / sum : kNan;
}

std::vector<Point> qq(std::span<const double> sample, std::span<const double> null,
                      int64_t points) {
  std::vector<Point> out;
  if (has_nan(sample) || has_nan(null)) return out;
  const std::vector<double> y = sorted(sample), x = sorted(null);
  const auto n = static_cast<double>(std::min(x.size(), y.size()));
  std::vector<double> at = {0, 1 / n};
  for (int64_t i = 0; i < points; ++i) {
    at.push_back((static_cast<double>(i) + 0.5) / static_cast<double>(points));
  }
  at.insert(at.end(), {1 - 1 / n, 1});
  std::sort(at.begin(), at.end());
  for (const double p : at) out.push_back({quantile_of_sorted(x, p), quantile_of_sorted(y, p)});
  return out;
}

Histogram histogram(std::span<const double> sample, int64_t bins) {
  Histogram out;
  const auto [least, most] = std::minmax_element(sample.begin(), sample.end());
  if (*least == *most) return {{*least - 0.5, *least + 0.5}, {1}};
  const double low = *least, width = (*most - low) / static_cast<double>(bins);
  for (int64_t i = 0; i <= bins; ++i) out.edges.push_back(low + static_cast<double>(i) * width);
  out.density.assign(static_cast<size_t>(bins), 0);
  for (const double x : sample) {
    const auto bin = std::min(static_cast<int64_t>((x - low) / width), bins - 1);
    out.density[static_cast<size_t>(bin)] += 1 / (width * static_cast<double>(sample.size()));
  }
  return out;
}

std::vector<double> average_ranks(std::span<const double> sample) {
  std::vector<size_t> order(sample.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return sample[a] < sample[b]; });
  std::vector<double> ranks(sample.size());
  for (size_t from = 0, to = 0; from < order.size(); from = to) {
    while (to < order.size() && sample[order[to]] == sample[order[from]]) ++to;
    // Ranks from + 1 .. to.
    const double shared = static_cast<double>(from + 1 + to) / 2;
    for (size_t i = from; i < to; ++i) ranks[order[i]] = shared;
  }
  return ranks;
}

double spearman(std::span<const double> x, std::span<const double> y) {
  if (has_nan(x) || has_nan(y) || x.size() != y.size()) return kNan;
  const std::vector<double> a = average_ranks(x), b = average_ranks(y);
  const double ma = mean(a), mb = mean(b);
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - ma) * (b[i] - mb);
    aa += (a[i] - ma) * (a[i] - ma);
    bb += (b[i] - mb) * (b[i] - mb);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : kNan;
}

Line robust_line(std::span<const double> x, std::span<const double> y) {
  if (has_nan(x) || has_nan(y) || x.size() != y.size()) return {kNan, kNan};
  std::vector<double> slopes;
  slopes.reserve(x.size() * (x.size() - 1) / 2);
  for (size_t i = 0; i < x.size(); ++i) {
    for (size_t j = i + 1; j < x.size(); ++j) {
      if (x[i] != x[j]) slopes.push_back((y[j] - y[i]) / (x[j] - x[i]));
    }
  }
  if (slopes.empty()) return {kNan, kNan};
  Line line{median(slopes), 0};
  std::vector<double> rest(x.size());
  for (size_t i = 0; i < x.size(); ++i) rest[i] = y[i] - line.slope * x[i];
  line.intercept = median(rest);
  return line;
}

Curve over_seeds(std::span<const std::vector<double>> rows) {
  if (rows.empty())
    fail(ErrorCode::runtime, {"curves over seeds", "at least one seed", "none", ""});
  Curve curve;
  std::vector<double> column(rows.size());
  for (size_t i = 0; i < rows[0].size(); ++i) {
    for (size_t row = 0; row < rows.size(); ++row) {
      if (rows[row].size() != rows[0].size()) {
        fail(ErrorCode::runtime, {"curves over seeds", "curves of one length",
                                  std::to_string(rows[0].size()) + " and " +
                                      std::to_string(rows[row].size()) + " points",
                                  ""});
      }
      column[row] = rows[row][i];
    }
    curve.mean.push_back(mean(column));
    curve.deviation.push_back(deviation(column));
  }
  return curve;
}

}  // namespace weft::stats
