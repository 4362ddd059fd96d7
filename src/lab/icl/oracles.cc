#include "lab/icl/oracles.h"

#include <cmath>

#include "lab/icl/oracle_groups.h"

namespace weft::icl {

std::span<const OracleGroup> oracle_groups() {
  static constexpr OracleGroup kGroups[] = {
      {"O1", "layers with B = 0 are preconditioned gradient descent (2306.00297 Lemma 1)",
       oracles_of_descent_layers},
      {"O2", "predictions are linear in the query", oracles_of_implied_weights},
      {"O3", "the minimum of one layer", oracles_of_one_layer},
      {"O4", "descent on one layer, and where it bursts", oracles_of_trajectories},
      {"O5", "one layer with ReLU scores", oracles_of_relu},
      {"O6", "two softmax heads make a linear one", oracles_of_softmax_heads},
      {"O7", "moments of the Gram matrix", oracles_of_moments},
      {"O8", "the floor of L steps of gradient descent", oracles_of_descent_floors},
      {"O9", "GD++: steps that also shrink the covariates", oracles_of_gdpp},
      {"O10", "symmetries of predictions", oracles_of_symmetries},
      {"O11", "the Bayes risk under label noise", oracles_of_bayes},
      {"construction", "gradient descent and GD++, written down and read back (2212.07677)",
       oracles_of_construction},
  };
  return kGroups;
}

Oracle printed(std::string name, double value, double published, int digits, std::string by) {
  // Half a unit of the last digit, and a little for numbers that end in a five.
  return {std::move(name), value, published, 0.51 * std::pow(10, -digits), std::move(by)};
}

Oracle sampled(std::string name, const Estimate& estimate, double exact, std::string by) {
  return {std::move(name), estimate.mean, exact, 4 * estimate.error, std::move(by)};
}

Oracle furthest(std::string name, std::span<const Pair> pairs, double limit, std::string by) {
  Oracle worst{std::move(name), 0, 0, limit, std::move(by)};
  double most = -1;
  for (const Pair& pair : pairs) {
    const double scale = 1 + std::abs(pair.prediction);
    const double apart = std::abs(pair.value - pair.prediction) / scale;
    if (apart <= most) continue;
    most = apart;
    worst.value = pair.value / scale;
    worst.prediction = pair.prediction / scale;
    if (std::isnan(apart)) break;  // nothing is worse
  }
  return worst;
}

std::vector<TableLaw> table_laws() {
  PromptLaw few, heavy, sphere;
  few.n = 5;
  heavy.covariates = Covariates::gamma;
  sphere.covariates = Covariates::sphere;
  return {{"setting 1", {}, 1.3, .769231, 1.153846, 5, .76923, 1.46154},
          {"setting 2", few, 2.2, .454545, 2.727273, 5, .45455, .86364},
          {"setting 3", heavy, .148, 1.351351, .729730, 1, 33.7838, 64.1892},
          {"sphere", sphere, .048, 4.166667, .166667, 1, 104.167, 197.917}};
}

PromptLaw stretched_law() {
  PromptLaw law;
  law.covariance = {1, 1, 0.25, 0.0625, 1};
  return law;
}

}  // namespace weft::icl
