// The exact loss of one linear-attention layer over the whole law of prompts, for any Q
// (2306.00297 Theorem 1, extended to any covariates that fourth moments describe, and to noise).
#pragma once

#include <Eigen/Dense>

#include "lab/icl/setting.h"

namespace weft::icl {

using Matrix = Eigen::MatrixXd;

/// What of a law of prompts a single layer sees. With the layer's prediction -(Q^T g) . x_q:
/// f(Q) = zero_loss + 2 tr(Q^T cross query) + tr(Q^T gram Q query).
struct Population {
  Matrix query;          ///< [d, d] E x_q x_q^T
  Matrix cross;          ///< [d, d] E g w^T, g = (1/n) sum y_i x_i
  Matrix gram;           ///< [d, d] Mg = E g g^T
  double zero_loss = 0;  ///< E y_q^2: the loss of Q = 0

  Eigen::Index d() const { return query.rows(); }
};

/// E of sigma^2 over prompts, sigma the deviation of the noise on the context's labels.
double noise_variance(const PromptLaw& law);
/// E|u|^2 and E|u|^4 of a covariate before the covariance is applied.
struct RadialMoments {
  double second = 0, fourth = 0;
};
RadialMoments radial_moments(const PromptLaw& law);
/// The matrix of `covariance` (x = its symmetric root times u); the identity where there is none.
/// Throws Error(config) where the list is neither d nor d * d numbers or not positive definite.
Matrix covariance_of(const PromptLaw& law);

/// Exact for every law with linear labels. Throws Error(config) at a teacher that is not linear.
Population population_of(const PromptLaw& law);

double loss(const Population& p, const Matrix& q);
Matrix gradient(const Population& p, const Matrix& q);
/// [d * d, d * d] over the entries of Q row by row: entry (ik), (jm) is 2 gram_ij query_km.
Matrix hessian(const Population& p);

/// The best Q in closed form, -gram^-1 cross, or the best multiple of I.
Matrix closed_minimiser(const Population& p);
Matrix closed_minimiser_scalar(const Population& p);

/// Rates above which descent from any other point than the minimum diverges: (1 + momentum) over
/// the product of the largest eigenvalues of gram and query.
double divergence_rate(const Population& p, double momentum = 0);

}  // namespace weft::icl
