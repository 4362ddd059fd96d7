// The model as the papers write it, one prompt at a time in float64 (arXiv 2310.01082, equations 1
// to 3): the definition that every kernel of the lab is tested against. Slow, and meant to be read.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <vector>

#include "lab/icl/pack.h"
#include "lab/icl/setting.h"

namespace weft::icl::reference {

/// One prompt: n examples and a query. `label` is what the model is to predict.
struct Prompt {
  Eigen::MatrixXd x;      // [d, n], a column is an example
  Eigen::VectorXd y;      // [n]
  Eigen::VectorXd query;  // [d]
  double label = 0;
};

/// The prompt of one lane of a pack: numbers [entries, kPack], lane in [0, kPack).
template <class T>
Prompt prompt_of(const PromptLayout& layout, const T* pack, int lane) {
  const auto at = [&](int64_t entry) { return static_cast<double>(pack[entry * kPack + lane]); };
  Prompt p{Eigen::MatrixXd(layout.d, layout.n), Eigen::VectorXd(layout.n),
           Eigen::VectorXd(layout.d), at(layout.label())};
  for (int64_t i = 0; i < layout.n; ++i) {
    for (int64_t c = 0; c < layout.d; ++c) p.x(c, i) = at(layout.x(i, c));
    p.y(i) = at(layout.y(i));
  }
  for (int64_t c = 0; c < layout.d; ++c) p.query(c) = at(layout.query(c));
  return p;
}

/// One attention term of a layer, D = d + 1. The score of key i for column t is z_i^T Q z_t (the
/// paper's orientation; the paper's code holds the transpose of Q).
struct Head {
  Eigen::MatrixXd P, Q;  // [D, D]
};
using Layer = std::vector<Head>;  // summed inside the layer

/// phi(x) = W2 max(0, W1 x + b1) + b2, on the covariates of every column (section 4).
struct Perceptron {
  Eigen::MatrixXd W1, W2;  // [hidden, d], [d, hidden]
  Eigen::VectorXd b1, b2;  // [hidden], [d]
  Eigen::VectorXd operator()(const Eigen::VectorXd& x) const;
};

struct Model {
  std::vector<Layer> layers;
  std::vector<Perceptron> front;  // one or none
  Scores scores = Scores::linear;
  bool divide_softmax = true;
};

/// The matrices that a flat vector of parameters stands for, every layer spelled out (tied ones
/// repeated). Throws Error(config) where theta has another length than `shape` needs.
Model model_of(const ModelShape& shape, int64_t d, std::span<const double> theta);

/// Z_0: columns (x_i; y_i), the last one (x_q; 0); covariates through the perceptron if there is
/// one.
Eigen::MatrixXd start(const Model& model, const Prompt& prompt);

/// Weights of keys (rows) for columns, the last row 0: the query is nobody's key. linear: Z^T Q Z;
/// relu: its positive part; softmax: over all n + 1 keys, the last row dropped afterwards, and
/// times n unless the model divides by n once more (its layer does, by 1/n, for every score).
Eigen::MatrixXd weights(const Model& model, const Eigen::MatrixXd& Q, const Eigen::MatrixXd& Z);

/// Z_l+1 = Z_l + (1/n) sum over heads of P Z W(Z).
Eigen::MatrixXd next(const Model& model, const Layer& layer, const Eigen::MatrixXd& Z);

/// Z_0 .. Z_L.
std::vector<Eigen::MatrixXd> forward(const Model& model, const Prompt& prompt);

/// -Z_L[last, last].
double prediction(const Model& model, const Prompt& prompt);

/// y_q - prediction; the loss of the prompt is its square.
double residual(const Model& model, const Prompt& prompt);

/// (1/n) Z M Z^T, token by token, as a model that reads its prompt from left to right keeps it.
Eigen::MatrixXd recurrent_gram(const Eigen::MatrixXd& Z);

/// The residual by way of the Gram matrices of the layers, which are all that the query sees of its
/// context: G <- T G T^T, z <- T z, T = I + sum over heads of P G Q. Linear scores.
double gram_residual(const Model& model, const Prompt& prompt);

}  // namespace weft::icl::reference
