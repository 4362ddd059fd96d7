#include "lab/icl/floor.h"

#include "lab/icl/bayes.h"
#include "lab/icl/descent_floor.h"
#include "lab/icl/gdpp_floor.h"
#include "lab/icl/other_scores.h"
#include "lab/icl/population.h"

namespace weft::icl {
namespace {

bool has_multiples_of_the_identity(Form form) {
  return form == Form::gdpp || form == Form::diag4;
}

bool is_linear(const Setting& s) {
  return s.law.teacher == Teacher::linear && s.model.hidden == 0 &&
         s.model.scores == Scores::linear;
}

/// What `full` adds to one layer cannot help: its other terms are even in the teacher, the target
/// is odd, and laws are symmetric.
Floor one_layer(const Setting& s) {
  const Population p = population_of(s.law);
  if (has_multiples_of_the_identity(s.model.form)) {
    return {loss(p, closed_minimiser_scalar(p)),
            "minimum over multiples of the identity, one layer, closed form", true};
  }
  return {loss(p, closed_minimiser(p)), "minimum of one linear layer, closed form (2306.00297)",
          true};
}

/// Multiples of I in every layer; that no other matrices do better is not proven.
std::optional<Floor> descent(const Setting& s) {
  const auto layers = static_cast<int>(s.model.layers);
  if (s.model.layers > kMaxFloorSteps || !is_standard(s)) return {};
  const double noise = noise_variance(s.law);
  if (s.model.tied) {
    return Floor{tied_descent_floor(s.law.d, s.law.n, layers, noise).loss,
                 "gradient descent with one step size in every layer, exact"};
  }
  const DescentFloor floor = descent_floor(s.law.d, s.law.n, layers, noise);
  if (!floor.rates.empty()) {
    return Floor{floor.loss, "gradient descent with the best step sizes, exact"};
  }
  return Floor{floor.loss, "best polynomial of the degree, which real step sizes do not reach"};
}

std::optional<Floor> gdpp(const Setting& s) {
  if (s.model.layers > kMaxGdppLayers || !is_standard(s) || s.model.tied) return {};
  const GdppLoss::Found best = gdpp_floor(s.law.d, s.law.n, static_cast<int>(s.model.layers));
  return Floor{best.loss, "best known GD++ (multiples of the identity), not proven to be the best"};
}

}  // namespace

bool is_standard(const Setting& s) {
  if (s.law.covariates != Covariates::gaussian) return false;
  if (s.law.covariance.empty()) return true;
  if (!s.law.whitened_weights) return false;
  if (!has_multiples_of_the_identity(s.model.form)) return true;
  const Matrix sigma = covariance_of(s.law);
  return sigma.isApprox(sigma(0, 0) * Matrix::Identity(sigma.rows(), sigma.cols()), 1e-12);
}

std::optional<Floor> floor_of(const Setting& s) {
  // Heads of ReLU scores with opposite signs add up to linear ones, and the label's rows of `full`
  // reach into the scores: this minimum is not theirs.
  const bool standard_relu = s.model.scores == Scores::relu && s.model.layers == 1 &&
                             s.model.heads == 1 && s.model.form != Form::full &&
                             s.law.covariates == Covariates::gaussian && s.law.covariance.empty();
  const bool noisy = s.law.teacher == Teacher::linear && noise_variance(s.law) > 0;
  if (standard_relu && !noisy && s.law.teacher == Teacher::linear && s.model.hidden == 0) {
    return Floor{relu_minimum(s.law.d, s.law.n).loss,
                 "ReLU scores of one layer, best multiple of the identity"};
  }
  if (is_linear(s) && s.model.layers == 1) return one_layer(s);
  if (is_linear(s) && s.model.form == Form::sparse) {
    if (const std::optional<Floor> floor = descent(s)) return floor;
  }
  const bool blocks = s.model.form == Form::block || s.model.form == Form::gdpp;
  if (is_linear(s) && blocks && !noisy) return gdpp(s);
  if (noisy || (s.law.teacher == Teacher::linear && s.law.n < s.law.d)) {
    const Estimate bayes = bayes_floor(s.law, 4000);
    return Floor{bayes.mean,
                 "Bayes risk (ridge regression that knows the noise of a prompt), sampled", true,
                 bayes.error};
  }
  return {};
}

}  // namespace weft::icl
