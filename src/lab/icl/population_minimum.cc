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

/// Divides a gradient by the curvature along each coordinate of the covariates' principal axes,
/// where an ill-conditioned covariance is only a scale: at d = 20 and a condition of 1000 that
/// turns 8000 iterations into a few.
class Scaling {
 public:
  Scaling(const Population& p, Family family)
      : axes_(Eigen::SelfAdjointEigenSolver<Matrix>(p.query).eigenvectors()),
        curvatures_(Matrix::Ones(p.d(), p.d())) {
    if (family == Family::scalar) return;
    const Matrix gram = axes_.transpose() * p.gram * axes_;
    const Matrix query = axes_.transpose() * p.query * axes_;
    curvatures_ = 2 * gram.diagonal() * query.diagonal().transpose();
  }
  Matrix operator()(const Matrix& g) const {
    const Matrix turned = axes_.transpose() * g * axes_;
    return axes_ * turned.cwiseQuotient(curvatures_) * axes_.transpose();
  }

 private:
  Matrix axes_, curvatures_;  // [d, d], an axis a column; of coordinate (i, j)
};

}  // namespace

PopulationMinimum minimise(const Population& p, Family family) {
  const Scaling scale(p, family);
  constexpr int64_t kLimit = 10000, kPatience = 30;
  PopulationMinimum found{Matrix::Zero(p.d(), p.d())};
  Matrix best = found.q, direction = Matrix::Zero(p.d(), p.d());
  double before = 0, first = 0, least = INFINITY;
  int64_t since_best = 0;
  for (; found.iterations < kLimit; ++found.iterations) {
    // The gradient itself, not a recurrence for it, so that errors do not pile up.
    const Matrix g = projected(gradient(p, found.q), family);
    const Matrix scaled = scale(g);
    const double squared = g.cwiseProduct(scaled).sum();
    if (found.iterations == 0) first = squared;
    if (squared < least) {
      least = squared;
      best = found.q;
      since_best = 0;
    } else if (++since_best > kPatience) {
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
