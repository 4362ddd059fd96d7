#include "lab/icl/population_minimum.h"

#include <cmath>

#include "base/error.h"

namespace weft::icl {
namespace {

/// The gradient along the family's directions only.
Matrix projected(const Matrix& g, Family family) {
  if (family == Family::any) return g;
  return Matrix::Identity(g.rows(), g.cols()) * (g.trace() / static_cast<double>(g.rows()));
}

/// The second derivative of the loss along a direction, the same everywhere.
double curvature(const Population& p, const Matrix& direction) {
  return 2 * (p.gram * direction * p.query).cwiseProduct(direction).sum();
}

/// The curvature along each coordinate.
Matrix diagonal_curvatures(const Population& p, Family family) {
  if (family == Family::scalar) return Matrix::Ones(p.d(), p.d());
  return 2 * p.gram.diagonal() * p.query.diagonal().transpose();
}

}  // namespace

PopulationMinimum minimise(const Population& p, Family family) {
  const Matrix scale = diagonal_curvatures(p, family);
  const int64_t limit = 100 + 20 * p.d() * p.d();
  PopulationMinimum found{Matrix::Zero(p.d(), p.d())};
  Matrix best = found.q, direction = Matrix::Zero(p.d(), p.d());
  double before = 0, first = 0, least = INFINITY;
  int64_t since_best = 0;
  for (; found.iterations < limit; ++found.iterations) {
    // The gradient itself, not a recurrence for it, so that errors do not pile up.
    const Matrix g = projected(gradient(p, found.q), family);
    const Matrix scaled = g.cwiseQuotient(scale);
    const double squared = g.cwiseProduct(scaled).sum();
    if (found.iterations == 0) first = squared;
    if (squared < least) {
      least = squared;
      best = found.q;
      since_best = 0;
    } else if (++since_best > 20 + 4 * p.d() * p.d()) {
      break;  // rounding: nothing better comes
    }
    if (squared <= 1e-32 * first) break;
    direction = -scaled + (before > 0 ? squared / before : 0.0) * direction;
    if (!(g.cwiseProduct(direction).sum() < 0)) direction = -scaled;
    const double curved = curvature(p, direction);
    if (!(curved > 0)) {
      fail(ErrorCode::runtime, {"population loss", "a convex function", "no curvature",
                                "covariances less close to singular"});
    }
    found.q -= g.cwiseProduct(direction).sum() / curved * direction;
    before = squared;
  }
  found.q = best;
  found.loss = loss(p, best);
  found.gradient_norm = projected(gradient(p, best), family).norm();
  return found;
}

}  // namespace weft::icl
