// What is known exactly of a layer whose scores are not linear.
#pragma once

#include <cstdint>

#include "lab/icl/reference.h"

namespace weft::icl {

/// One layer with ReLU scores and Q = -c I on x, w ~ N(0, I_d): the best c and its loss.
struct ReluMinimum {
  double c = 0, loss = 0;
};
ReluMinimum relu_minimum(int64_t d, int64_t n);
/// The exact loss of any c >= 0: d - d c + c^2 d ((d + 2) / (2n) + (n - 1) / (4n)).
double relu_loss(int64_t d, int64_t n, double c);

/// Two softmax heads with scores +e q.x_i and -e q.x_i over the context, subtracted and divided by
/// 2e: (1/n) sum y_i (u_i - mean u) + O(e^2) with u_i = q.x_i, a linear head.
double two_softmax_heads(const reference::Prompt& prompt, const Eigen::VectorXd& q, double e);
/// What it tends to.
double centred_linear_head(const reference::Prompt& prompt, const Eigen::VectorXd& q);

}  // namespace weft::icl
