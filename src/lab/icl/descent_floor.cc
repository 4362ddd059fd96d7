#include "lab/icl/descent_floor.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <functional>

#include "base/error.h"
#include "lab/icl/polynomial.h"
#include "lab/icl/wishart.h"

namespace weft::icl {
namespace {

void check_steps(size_t steps) {
  if (steps < 1 || steps > static_cast<size_t>(kMaxFloorSteps)) {
    fail(ErrorCode::config, {"floor of gradient descent",
                             fmt::format("1 to {} layers", kMaxFloorSteps), std::to_string(steps)});
  }
}

/// Solves a c = b, symmetric positive definite, [n][n] and [n], by elimination.
std::vector<Quad> solve(std::vector<std::vector<Quad>> a, std::vector<Quad> b) {
  const size_t n = b.size();
  for (size_t k = 0; k < n; ++k) {
    for (size_t i = k + 1; i < n; ++i) {
      const Quad factor = a[i][k] / a[k][k];
      for (size_t j = k; j < n; ++j) a[i][j] -= factor * a[k][j];
      b[i] -= factor * b[k];
    }
  }
  for (size_t k = n; k-- > 0;) {
    for (size_t j = k + 1; j < n; ++j) b[k] -= a[k][j] * b[j];
    b[k] /= a[k][k];
  }
  return b;
}

/// 1 / root for every root of 1 + sum c_i x^i, none where some are complex: eigenvalues of the
/// companion matrix of the reversed polynomial, then Newton's steps in quad precision.
std::vector<double> inverse_roots(const std::vector<Quad>& c) {
  const auto n = static_cast<Eigen::Index>(c.size());
  Eigen::MatrixXd companion = Eigen::MatrixXd::Zero(n, n);  // of z^n + c_1 z^(n-1) + ... + c_n
  for (Eigen::Index i = 0; i < n; ++i) {
    companion(0, i) = -static_cast<double>(c[static_cast<size_t>(i)]);
    if (i > 0) companion(i, i - 1) = 1;
  }
  const Eigen::VectorXcd roots =
      Eigen::EigenSolver<Eigen::MatrixXd>(companion, false).eigenvalues();
  std::vector<double> real;
  for (const std::complex<double>& z : roots) {
    if (std::abs(z.imag()) > 1e-6 * std::abs(z)) return {};
    Quad x = static_cast<Quad>(z.real());
    for (int i = 0; i < 20; ++i) {
      Quad value = 1, slope = 0;
      for (const Quad& coefficient : c) {
        slope = slope * x + value;
        value = value * x + coefficient;
      }
      x -= value / slope;
    }
    real.push_back(static_cast<double>(x));
  }
  std::sort(real.begin(), real.end(), std::greater<>());
  return real;
}

Quad exact_loss(const std::vector<double>& rates, const std::vector<Quad>& moments, Quad noise) {
  Polynomial p = {1};
  for (const double a : rates) p = p * Polynomial{1, -static_cast<Quad>(a)};
  Quad loss = mean_product(p, p, moments);
  // (1 - p) / lambda, squared, times lambda: the coefficients one and one lower.
  for (size_t i = 1; i < p.size(); ++i) {
    for (size_t j = 1; j < p.size(); ++j) loss += noise * p[i] * p[j] * moments[i + j - 1];
  }
  return loss;
}

}  // namespace

DescentFloor descent_floor(int64_t d, int64_t n, int steps, double noise) {
  check_steps(static_cast<size_t>(std::max(steps, 0)));
  const std::vector<Quad> m = wishart_moments(d, n, 2 * steps);
  const Quad share = static_cast<Quad>(noise) / static_cast<Quad>(n);
  const auto size = static_cast<size_t>(steps);
  std::vector<std::vector<Quad>> a(size, std::vector<Quad>(size));
  std::vector<Quad> b(size);
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j < size; ++j) a[i][j] = m[i + j + 2] + share * m[i + j + 1];
    b[i] = -m[i + 1];
  }
  const std::vector<Quad> c = solve(std::move(a), std::move(b));
  Quad loss = m[0];
  for (size_t i = 0; i < size; ++i) loss += c[i] * m[i + 1];
  return {static_cast<double>(loss), inverse_roots(c)};
}

double descent_loss(int64_t d, int64_t n, const std::vector<double>& rates, double noise) {
  check_steps(rates.size());
  const std::vector<Quad> m = wishart_moments(d, n, 2 * static_cast<int>(rates.size()));
  return static_cast<double>(exact_loss(rates, m, static_cast<Quad>(noise) / static_cast<Quad>(n)));
}

DescentFloor tied_descent_floor(int64_t d, int64_t n, int steps, double noise) {
  check_steps(static_cast<size_t>(std::max(steps, 0)));
  const std::vector<Quad> m = wishart_moments(d, n, 2 * steps);
  const Quad share = static_cast<Quad>(noise) / static_cast<Quad>(n);
  const auto at = [&](double a) {
    return static_cast<double>(
        exact_loss(std::vector<double>(static_cast<size_t>(steps), a), m, share));
  };
  // One valley: without noise the loss is convex in a. Doubled until it rises, then thirds.
  double low = 0, high = 0.1;
  while (at(high) > at(2 * high)) high *= 2;
  high *= 2;
  for (int i = 0; i < 120; ++i) {
    const double left = low + (high - low) / 3, right = high - (high - low) / 3;
    (at(left) < at(right) ? high : low) = at(left) < at(right) ? right : left;
  }
  const double a = (low + high) / 2;
  return {at(a), std::vector<double>(static_cast<size_t>(steps), a)};
}

}  // namespace weft::icl
