#include "lab/icl/descent.h"

#include <cmath>

namespace weft::icl {

Descent descend(const Population& p, double rate, double momentum, int64_t steps) {
  Descent path;
  Matrix q = Matrix::Zero(p.d(), p.d()), velocity = q;
  const double first = gradient(p, q).norm();
  path.q.push_back(q);
  path.loss.push_back(loss(p, q));
  for (int64_t t = 0; t < steps; ++t) {
    velocity = momentum * velocity + gradient(p, q);
    q -= rate * velocity;
    path.q.push_back(q);
    path.loss.push_back(loss(p, q));
  }
  path.diverged = !(gradient(p, q).norm() <= first);  // true also where it is not a number
  return path;
}

Matrix closed_descent(const Population& p, double rate, int64_t steps) {
  const Eigen::SelfAdjointEigenSolver<Matrix> gram(p.gram), query(p.query);
  const Matrix least = closed_minimiser(p);
  Matrix distance = gram.eigenvectors().transpose() * -least * query.eigenvectors();
  for (Eigen::Index i = 0; i < p.d(); ++i) {
    for (Eigen::Index j = 0; j < p.d(); ++j) {
      const double factor = 1 - 2 * rate * gram.eigenvalues()[i] * query.eigenvalues()[j];
      distance(i, j) *= std::pow(factor, static_cast<double>(steps));
    }
  }
  return least + gram.eigenvectors() * distance * query.eigenvectors().transpose();
}

}  // namespace weft::icl
