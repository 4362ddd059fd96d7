#include "lab/icl/measure.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "base/error.h"
#include "base/random.h"

namespace weft::icl {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ConstMatrix = Eigen::Map<const Matrix>;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kBins = 100, kQuantiles = 100;

std::vector<int64_t> live_places(const DeadMask& dead) {
  std::vector<int64_t> places;
  for (size_t i = 0; i < dead.size(); ++i) {
    if (dead[i] == 0) places.push_back(static_cast<int64_t>(i));
  }
  return places;
}

double largest_over(double divisor, std::span<const double> sizes) {
  return *std::max_element(sizes.begin(), sizes.end()) / divisor;
}

/// Norms of draws from N(0, C): sqrt(sum lambda_i z_i^2).
std::vector<double> null_norms(const Matrix& centred, uint64_t seed) {
  const Matrix covariance = centred.transpose() * centred /
                            static_cast<double>(std::max<Eigen::Index>(centred.rows() - 1, 1));
  const Eigen::VectorXd lambda =
      Eigen::SelfAdjointEigenSolver<Matrix>(covariance, Eigen::EigenvaluesOnly).eigenvalues();
  const Random random(seed, "noise null");
  std::vector<double> norms(static_cast<size_t>(centred.rows()));
  uint64_t index = 0;
  for (double& norm : norms) {
    double sum = 0;
    for (const double variance : lambda) {
      const double z = random.normal(index++);
      sum += std::max(variance, 0.0) * z * z;
    }
    norm = std::sqrt(sum);
  }
  return norms;
}

Matrix covariance_of(const PromptLaw& law) {
  const auto d = static_cast<Eigen::Index>(law.d);
  if (law.covariance.empty()) return Matrix::Identity(d, d);
  if (std::ssize(law.covariance) == law.d) {
    return Eigen::Map<const Eigen::VectorXd>(law.covariance.data(), d).asDiagonal().toDenseMatrix();
  }
  return ConstMatrix(law.covariance.data(), d, d);
}

}  // namespace

Condition condition_of(std::span<const double> hessian, const DeadMask& dead) {
  const size_t n = dead.size();
  const std::vector<int64_t> live = live_places(dead);
  if (hessian.size() != n * n || live.empty()) {
    fail(ErrorCode::runtime,
         {"condition numbers", fmt::format("a Hessian of {} coordinates, some of them live", n),
          fmt::format("{} entries, {} live coordinates", hessian.size(), live.size()), ""});
  }
  Condition c;
  c.live = std::ssize(live);
  if (!std::all_of(hessian.begin(), hessian.end(), [](double x) { return std::isfinite(x); })) {
    c.r_med = c.r_med_upper = c.r_live = c.r_eig = c.r_eig_all = c.lambda_max = c.lambda_min = kNan;
    return c;
  }
  const ConstMatrix h(hessian.data(), static_cast<Eigen::Index>(n), static_cast<Eigen::Index>(n));
  const Matrix block = h(live, live);
  std::vector<double> diagonal(n), live_diagonal(live.size());
  for (size_t i = 0; i < n; ++i) diagonal[i] = std::fabs(hessian[i * n + i]);
  for (size_t i = 0; i < live.size(); ++i) {
    live_diagonal[i] = diagonal[static_cast<size_t>(live[i])];
  }
  c.r_med = largest_over(stats::lower_median(diagonal), diagonal);
  c.r_med_upper = largest_over(stats::upper_median(diagonal), diagonal);
  c.r_live = largest_over(stats::lower_median(live_diagonal), live_diagonal);
  const Eigen::VectorXd lambda =
      Eigen::SelfAdjointEigenSolver<Matrix>(block, Eigen::EigenvaluesOnly).eigenvalues();
  std::vector<double> sizes;
  for (const double l : lambda) sizes.push_back(std::fabs(l));
  c.r_eig = largest_over(stats::lower_median(sizes), sizes);
  c.lambda_min = lambda[0];
  c.lambda_max = lambda[lambda.size() - 1];
  c.negative = std::count_if(lambda.begin(), lambda.end(), [](double l) { return l < 0; });
  sizes.resize(n, 0.0);
  c.r_eig_all = largest_over(stats::lower_median(sizes), sizes);
  return c;
}

TailStatistics tail_of(std::span<const double> norms) {
  TailStatistics t;
  t.mean = stats::mean(norms);
  t.median = stats::median(norms);
  t.most = stats::quantile(norms, 1);
  t.skewness = stats::skewness(norms);
  t.excess_kurtosis = stats::excess_kurtosis(norms);
  t.hill5 = stats::hill_index(norms, 0.05);
  t.hill1 = stats::hill_index(norms, 0.01);
  t.q99_over_q50 = stats::quantile(norms, 0.99) / t.median;
  return t;
}

GradientNoise noise_of(std::span<const double> draws, std::span<const double> gradient,
                       const DeadMask& dead, uint64_t seed) {
  const auto p = static_cast<Eigen::Index>(dead.size());
  const std::vector<int64_t> live = live_places(dead);
  if (live.empty() || std::ssize(gradient) != p || draws.empty() || std::ssize(draws) % p != 0) {
    fail(ErrorCode::runtime, {"gradient noise", fmt::format("draws of {} coordinates", p),
                              fmt::format("{} numbers", draws.size()), ""});
  }
  GradientNoise noise;
  noise.draws = std::ssize(draws) / p;
  // [draws, live]: a dead coordinate has no noise and would only cost time.
  Matrix deviation = ConstMatrix(draws.data(), noise.draws, p)(Eigen::all, live);
  const Eigen::RowVectorXd g = Eigen::Map<const Eigen::RowVectorXd>(gradient.data(), p)(live);
  noise.gradient_norm = g.norm();
  deviation.rowwise() -= g;
  std::vector<double> norms(static_cast<size_t>(noise.draws));
  for (size_t i = 0; i < norms.size(); ++i) {
    norms[i] = deviation.row(static_cast<Eigen::Index>(i)).norm();
  }
  std::vector<double> kurtosis;
  for (Eigen::Index c = 0; c < deviation.cols(); ++c) {
    const std::vector<double> column(deviation.col(c).begin(), deviation.col(c).end());
    kurtosis.push_back(stats::excess_kurtosis(column));
  }
  noise.coordinate_kurtosis = stats::mean(kurtosis);
  deviation.rowwise() -= deviation.colwise().mean().eval();
  const std::vector<double> null = null_norms(deviation, seed);
  noise.sample = tail_of(norms);
  noise.null = tail_of(null);
  // A few draws far out would leave all the others one bin.
  const double most = 2 * stats::quantile(norms, 0.99);
  std::vector<double> shown;
  std::copy_if(norms.begin(), norms.end(), std::back_inserter(shown),
               [&](double x) { return x <= most; });
  noise.beyond = std::ssize(norms) - std::ssize(shown);
  noise.histogram = stats::histogram(shown, kBins);
  noise.qq = stats::qq(norms, null, kQuantiles);
  return noise;
}

Smoothness smoothness_of(std::vector<SmoothnessPoint> points) {
  Smoothness out;
  for (const auto& [from, to] :
       {std::pair<int64_t, int64_t>{10, 100}, {100, 500}, {500, 1000}, {1000, 2000}}) {
    std::vector<double> inside;
    for (const SmoothnessPoint& p : points) {
      if (p.step >= from && p.step < to) inside.push_back(p.curvature);
    }
    if (inside.empty()) continue;
    const auto negative =
        std::count_if(inside.begin(), inside.end(), [](double s) { return s < 0; });
    out.windows.push_back({from, to, negative, stats::mean(inside), stats::median(inside)});
  }
  std::vector<double> gradient, curvature, lambda, lambda_gradient, log_gradient, log_curvature;
  for (const SmoothnessPoint& p : points) {
    if (!std::isnan(p.lambda_max)) {
      lambda.push_back(p.lambda_max);
      lambda_gradient.push_back(p.gradient_norm);
    }
    if (!(p.curvature > 0)) {
      ++out.negative;
      continue;
    }
    gradient.push_back(p.gradient_norm);
    curvature.push_back(p.curvature);
    if (!(p.gradient_norm > 0)) continue;
    log_gradient.push_back(std::log(p.gradient_norm));
    log_curvature.push_back(std::log(p.curvature));
  }
  out.spearman = stats::spearman(gradient, curvature);
  out.spearman_lambda = stats::spearman(lambda_gradient, lambda);
  out.logarithmic = stats::robust_line(log_gradient, log_curvature);
  out.bound = stats::robust_line(lambda_gradient, lambda);
  out.points = std::move(points);
  return out;
}

double identity_distance(const NamedMatrix& matrix) {
  const ConstMatrix m(matrix.values.data(), matrix.rows, matrix.columns);
  if (m.rows() != m.cols() || m.norm() == 0) return kNan;
  const double a = m.trace() / static_cast<double>(m.rows());
  return (m - a * Matrix::Identity(m.rows(), m.cols())).norm() / m.norm();
}

NamedMatrix whitened(const NamedMatrix& matrix, const PromptLaw& law) {
  if (matrix.rows != law.d || matrix.columns != law.d || law.covariance.empty()) return matrix;
  const Eigen::SelfAdjointEigenSolver<Matrix> sigma(covariance_of(law));
  const Matrix root = sigma.operatorSqrt();
  const Matrix left = matrix.name.ends_with("B") ? Matrix(sigma.operatorInverseSqrt()) : root;
  NamedMatrix out = matrix;
  Eigen::Map<Matrix>(out.values.data(), out.rows, out.columns) =
      left * ConstMatrix(matrix.values.data(), matrix.rows, matrix.columns) * root;
  return out;
}

}  // namespace weft::icl
