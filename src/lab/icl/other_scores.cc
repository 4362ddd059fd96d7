#include "lab/icl/other_scores.h"

namespace weft::icl {
namespace {

/// sum p_i y_i, p the softmax of the scores.
double softmax_mean(const Eigen::ArrayXd& scores, const Eigen::VectorXd& y) {
  const Eigen::ArrayXd weights = (scores - scores.maxCoeff()).exp();
  return weights.matrix().dot(y) / weights.sum();
}

}  // namespace

double relu_loss(int64_t dimensions, int64_t examples, double c) {
  const auto d = static_cast<double>(dimensions), n = static_cast<double>(examples);
  return d - d * c + c * c * d * ((d + 2) / (2 * n) + (n - 1) / (4 * n));
}

ReluMinimum relu_minimum(int64_t dimensions, int64_t examples) {
  const auto d = static_cast<double>(dimensions), n = static_cast<double>(examples);
  const double c = 1 / ((n - 1) / (2 * n) + (d + 2) / n);
  return {c, d * (1 - c / 2)};
}

double two_softmax_heads(const reference::Prompt& prompt, const Eigen::VectorXd& q, double e) {
  const Eigen::ArrayXd u = prompt.x.transpose() * q;
  return (softmax_mean(e * u, prompt.y) - softmax_mean(-e * u, prompt.y)) / (2 * e);
}

double centred_linear_head(const reference::Prompt& prompt, const Eigen::VectorXd& q) {
  const Eigen::ArrayXd u = prompt.x.transpose() * q;
  return (prompt.y.array() * (u - u.mean())).mean();
}

}  // namespace weft::icl
