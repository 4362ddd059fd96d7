// What the microscope reads off gradients, Hessians and parameters (arXiv 2310.01082, section 3):
// noise with its Gaussian null, robust condition numbers, smoothness along a path, learned
// matrices. Pure functions of numbers; microscope.h takes the measurements.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lab/icl/setting.h"
#include "lab/statistics.h"

namespace weft::icl {

/// Coordinates that no loss can feel, by their place in theta (the last layer's B in block form).
/// [parameters]; 1: dead.
using DeadMask = std::vector<uint8_t>;

/// How far the Hessian is from a multiple of the identity. Ratios are infinite where what they
/// divide by is 0.
struct Condition {
  /// max |H_ii| / median |H_ii| over all coordinates, the lower of the two middle values: the
  /// published definition. With dead coordinates and two groups of sizes it may sit on the edge
  /// between the groups: then it says little, and the upper one, beside it, differs by far.
  double r_med = 0, r_med_upper = 0;
  double r_live = 0;     ///< the same as r_med without the dead coordinates
  double r_eig = 0;      ///< max |lambda| / lower median |lambda|, without the dead coordinates
  double r_eig_all = 0;  ///< with them
  double lambda_max = 0, lambda_min = 0;  ///< of the live block
  int64_t negative = 0;                   ///< eigenvalues of the live block below 0
  int64_t live = 0;
};
/// `hessian`: [parameters, parameters], symmetric. Throws Error(runtime) where sizes differ or all
/// is dead. A Hessian with a number that is not finite has NaN everywhere.
Condition condition_of(std::span<const double> hessian, const DeadMask& dead);

/// The shape of a sample of norms.
struct TailStatistics {
  double mean = 0, median = 0, most = 0;
  double skewness = 0, excess_kurtosis = 0;
  double hill5 = 0, hill1 = 0;  ///< on the top 5 % and 1 %
  double q99_over_q50 = 0;
};
TailStatistics tail_of(std::span<const double> norms);

/// Gradient noise X = ||g_B - g|| beside what Gaussian noise of the same covariance would show. A
/// norm of several coordinates is skewed by itself: only what exceeds the null is a finding.
struct GradientNoise {
  int64_t draws = 0, batch = 0, reference = 0;  ///< draws of g_B; prompts in g_B and in g
  double gradient_norm = 0;                     ///< ||g||
  TailStatistics sample, null;
  double coordinate_kurtosis = 0;  ///< mean of the live coordinates' excess kurtosis
  stats::Histogram histogram;      ///< of the norms up to twice their 99 % quantile
  int64_t beyond = 0;              ///< norms above that
  std::vector<stats::Point> qq;    ///< x: quantiles of the null, y: of the sample
};
/// `draws`: [n, parameters], gradients of n batches; `gradient` [parameters], what they estimate.
/// The null is drawn with `seed`.
GradientNoise noise_of(std::span<const double> draws, std::span<const double> gradient,
                       const DeadMask& dead, uint64_t seed);

/// One step of an optimiser: ||grad f(theta_t)|| and u^T H u along u = theta_{t+1} - theta_t,
/// normalised. lambda_max is NaN where it was not computed.
struct SmoothnessPoint {
  int64_t step = 0;
  double gradient_norm = 0, curvature = 0, lambda_max = 0;
};
/// Means over steps in [from, to).
struct SmoothnessWindow {
  int64_t from = 0, to = 0, negative = 0;
  double mean = 0, median = 0;  ///< of the curvature, negative ones included
};
struct Smoothness {
  std::vector<SmoothnessPoint> points;
  std::vector<SmoothnessWindow> windows;
  /// Steps with a curvature <= 0: a logarithm drops them. The correlations are without them.
  int64_t negative = 0;
  double spearman = 0;         ///< of gradient norm and curvature
  double spearman_lambda = 0;  ///< of gradient norm and lambda_max
  stats::Line logarithmic;     ///< robust line of ln curvature on ln gradient norm
  stats::Line bound;           ///< L1 and L0: robust line of lambda_max on the gradient norm
};
/// Windows: 10..99, 100..499, 500..999, 1000..1999, as far as there are points.
Smoothness smoothness_of(std::vector<SmoothnessPoint> points);

/// A matrix of a model by its name: "layers.0.Q".
struct NamedMatrix {
  std::string name;
  int64_t rows = 0, columns = 0;
  std::vector<double> values;  ///< [rows, columns]
};
/// min_a ||M - a I|| / ||M|| (Frobenius; the best a is tr M / d) of a square matrix. NaN of 0.
double identity_distance(const NamedMatrix& matrix);
/// A matrix in coordinates in which covariates are white: Sigma^(1/2) Q Sigma^(1/2), and
/// Sigma^(-1/2) B Sigma^(1/2) for names that end in "B" (2306.00297: both tend to multiples of I).
/// Matrices of other sizes than d x d come back as they are.
NamedMatrix whitened(const NamedMatrix& matrix, const PromptLaw& law);

}  // namespace weft::icl
