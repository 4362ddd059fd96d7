// What networks of multiples of the identity (GD++: Q_l = -a_l I, B_l = b_l I) can reach on
// Gaussian covariates: their exact loss, and the best one that a search finds.
#pragma once

#include <cstdint>
#include <vector>

#include "lab/icl/polynomial.h"

namespace weft::icl {

/// The most layers whose loss is computed: a polynomial of degree 3^L - 1 in G.
inline constexpr int kMaxGdppLayers = 3;

struct GdppParameters {
  std::vector<double> a;  ///< [layers]
  std::vector<double> b;  ///< [layers - 1]; the last layer's B does nothing
};

/// The exact mean of the squared error over x, w ~ N(0, I_d), noiseless labels: per eigenvalue of G
/// p <- p (1 - a_l lambda), lambda <- lambda (1 - a_l b_l lambda)^2, loss = E tr p^2 (2310.01082
/// with 2306.00297). One table of moments serves all parameters.
class GdppLoss {
 public:
  /// Throws Error(config) at layers outside 1 to kMaxGdppLayers or sizes below 1.
  GdppLoss(int64_t d, int64_t n, int layers);

  double operator()(const GdppParameters& parameters) const;
  /// p as a polynomial in the eigenvalue of the first layer's G.
  static Polynomial residual(const GdppParameters& parameters);

  /// Levenberg and Marquardt's descent to a local minimum.
  struct Found {
    GdppParameters parameters;
    double loss = 0;
    int iterations = 0;
  };
  Found descend(const GdppParameters& start) const;

 private:
  int layers_;
  std::vector<Quad> moments_;
};

/// The lowest local minimum of the basins known at d = 5 and `starts` random starts (always the
/// same). Nothing proves that it is global; it
/// never lies below the floor of (3^L - 1) / 2 steps of gradient descent.
GdppLoss::Found gdpp_floor(int64_t d, int64_t n, int layers, int starts = 4);

}  // namespace weft::icl
