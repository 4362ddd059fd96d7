// Networks written down instead of trained: those that are gradient descent (2306.00297 Lemma 1,
// 2212.07677), how close another comes to them, and how trained matrices read as GD++.
#pragma once

#include <functional>
#include <span>

#include "lab/icl/population.h"
#include "lab/icl/reference.h"

namespace weft::icl {

/// Layer l takes the step w <- w - A_l^T grad R(w), R(w) = (1/2n) sum (w.x_i - y_i)^2: B = 0,
/// Q_l = -A_l. A_l need not be symmetric.
reference::Model preconditioned_descent(std::span<const Matrix> a);
/// The same steps from w = 0, taken on the weights themselves.
Eigen::VectorXd descent_weights(const reference::Prompt& prompt, std::span<const Matrix> a);

/// One layer of 2212.07677: W_K = W_Q = diag(I, 0), W_V = [[0, 0], [w0, -1]], projection rate / n
/// on the label. Every label y_j becomes y_j - (delta W) x_j, delta W the step of gradient descent
/// from w0.
reference::Model step_construction(double rate, const Eigen::VectorXd& w0);
/// delta W of that step.
Eigen::VectorXd descent_step(const reference::Prompt& prompt, double rate,
                             const Eigen::VectorXd& w0);

/// what with prediction = what . x_q: every model with linear scores and no perceptron has it. From
/// the Gram matrices alone. Throws Error(config) at other models.
Eigen::VectorXd implied_weights(const reference::Model& model, const reference::Prompt& prompt);

/// How alike two models are, averaged over prompts (2212.07677).
struct Agreement {
  double prediction_difference = 0;  ///< |prediction - prediction|
  double model_difference = 0;       ///< norm of the difference of their implied weights
  double cosine = 0;                 ///< of their implied weights, 1e-8 added to each norm
};
Agreement agreement(const reference::Model& a, const reference::Model& b,
                    std::span<const reference::Prompt> prompts);
/// The same of whatever makes weights out of a prompt and predicts with them: a model's implied
/// ones, or gradient descent itself.
using WeightsOf = std::function<Eigen::VectorXd(const reference::Prompt&)>;
Agreement agreement(const WeightsOf& a, const WeightsOf& b,
                    std::span<const reference::Prompt> prompts);

/// Half way between a trained model and a constructed one of one head a layer: Q of the trained one
/// rescaled to the other's mean diagonal (over covariates), P by the inverse, both averaged.
reference::Model interpolate(const reference::Model& trained, const reference::Model& constructed);

/// Trained blocks as multiples of the identity.
struct GdppReading {
  std::vector<double> a, b;  ///< [layers]: -tr(Q) / d and tr(B) / d after whitening
  std::vector<double> distance_q,
      distance_b;  ///< [layers] min_a |M - a I| / |M|; 0 of a zero matrix
};
/// Of Sigma^(1/2) Q Sigma^(1/2) and Sigma^(-1/2) B Sigma^(1/2), one head a layer, whose P has a
/// label corner other than 0.
GdppReading read_as_gdpp(const reference::Model& model, const Matrix& sigma);

}  // namespace weft::icl
