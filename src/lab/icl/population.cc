#include "lab/icl/population.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"

namespace weft::icl {
namespace {

/// How E[(u^T A u) u u^T] follows from A: spread (2 A + tr(A) I) + excess diag(A).
struct FourthMoments {
  double spread = 1, excess = 0;
};

FourthMoments fourth_moments(const PromptLaw& law) {
  const auto d = static_cast<double>(law.d);
  if (law.covariates == Covariates::uniform) {
    const double v = law.half_width * law.half_width / 3;
    return {v * v, std::pow(law.half_width, 4) / 5 - 3 * v * v};
  }
  return {radial_moments(law).fourth / (d * (d + 2)), 0};
}

double largest_eigenvalue(const Matrix& m) {
  return Eigen::SelfAdjointEigenSolver<Matrix>(m, Eigen::EigenvaluesOnly).eigenvalues().maxCoeff();
}

}  // namespace

double noise_variance(const PromptLaw& law) {
  if (!law.noise_levels.empty()) {
    double sum = 0;
    for (const double level : law.noise_levels) sum += level * level;
    return sum / static_cast<double>(law.noise_levels.size());
  }
  if (law.noise_max > 0) return law.noise_max * law.noise_max / 3;
  return law.label_noise * law.label_noise;
}

RadialMoments radial_moments(const PromptLaw& law) {
  const auto d = static_cast<double>(law.d);
  switch (law.covariates) {
    case Covariates::gaussian:
      return {d, d * (d + 2)};
    case Covariates::sphere:
      return {1, 1};
    case Covariates::gamma:  // r^2 ~ Gamma(k, sqrt(10 / k)): mean sqrt(10 k), variance 10
      return {std::sqrt(10 * law.gamma_shape), 10 * (1 + law.gamma_shape)};
    case Covariates::uniform: {
      const double v = law.half_width * law.half_width / 3;
      return {d * v, d * std::pow(law.half_width, 4) / 5 + d * (d - 1) * v * v};
    }
  }
  return {};
}

Matrix covariance_of(const PromptLaw& law) {
  const auto d = static_cast<Eigen::Index>(law.d);
  const auto given = static_cast<Eigen::Index>(law.covariance.size());
  if (given == 0) return Matrix::Identity(d, d);
  if (given != d && given != d * d) {
    fail(ErrorCode::config,
         {"covariance", fmt::format("{} eigenvalues or {} entries of a matrix", d, d * d),
          fmt::format("{} numbers", given)});
  }
  const Eigen::Map<const Eigen::VectorXd> list(law.covariance.data(), given);
  Matrix sigma = given == d ? Matrix(list.asDiagonal()) : Matrix(list.reshaped(d, d).transpose());
  const double least = Eigen::SelfAdjointEigenSolver<Matrix>(sigma).eigenvalues().minCoeff();
  if (!(least > 0) || !sigma.isApprox(sigma.transpose(), 1e-12)) {
    fail(ErrorCode::config, {"covariance", "a symmetric positive definite matrix",
                             fmt::format("one with the eigenvalue {}", least)});
  }
  return sigma;
}

Population population_of(const PromptLaw& law) {
  if (law.teacher != Teacher::linear) {
    fail(ErrorCode::config, {"population loss", "labels linear in the covariates",
                             "teacher = \"mlp\"", "it has no closed form"});
  }
  const auto d = static_cast<Eigen::Index>(law.d);
  const auto n = static_cast<double>(law.n);
  const Matrix identity = Matrix::Identity(d, d), sigma = covariance_of(law);
  const Matrix root = Eigen::SelfAdjointEigenSolver<Matrix>(sigma).operatorSqrt();
  const Matrix weights = law.whitened_weights ? Matrix(sigma.inverse()) : identity;  // E w w^T
  const double v = radial_moments(law).second / static_cast<double>(law.d);
  const FourthMoments fourth = fourth_moments(law);

  Population p;
  p.query = v * sigma;
  p.cross = v * sigma * weights;
  p.zero_loss = (weights * p.query).trace();
  // One example: E[(w.x)^2 x x^T] with x = root u, then the noise; two examples are independent.
  const Matrix a = law.whitened_weights ? identity : sigma;  // root weights root
  const Matrix one = fourth.spread * (2 * a + a.trace() * identity) +
                     fourth.excess * Matrix(a.diagonal().asDiagonal());
  p.gram = (root * one * root + noise_variance(law) * p.query) / n +
           (n - 1) / n * p.cross * weights.inverse() * p.cross.transpose();
  return p;
}

double loss(const Population& p, const Matrix& q) {
  const Matrix scored = q.transpose() * (2 * p.cross + p.gram * q);
  return p.zero_loss + scored.cwiseProduct(p.query).sum();  // query is symmetric
}

Matrix gradient(const Population& p, const Matrix& q) {
  return 2 * (p.gram * q + p.cross) * p.query;
}

Matrix hessian(const Population& p) {
  const Eigen::Index d = p.d();
  Matrix h(d * d, d * d);
  for (Eigen::Index i = 0; i < d; ++i) {
    for (Eigen::Index j = 0; j < d; ++j) h.block(i * d, j * d, d, d) = 2 * p.gram(i, j) * p.query;
  }
  return h;
}

Matrix closed_minimiser(const Population& p) {
  return -p.gram.llt().solve(p.cross);
}

Matrix closed_minimiser_scalar(const Population& p) {
  const double linear = p.cross.cwiseProduct(p.query).sum();
  const double quadratic = p.gram.cwiseProduct(p.query).sum();
  return Matrix::Identity(p.d(), p.d()) * (-linear / quadratic);
}

double divergence_rate(const Population& p, double momentum) {
  return (1 + momentum) / (largest_eigenvalue(p.gram) * largest_eigenvalue(p.query));
}

}  // namespace weft::icl
