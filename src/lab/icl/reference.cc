#include "lab/icl/reference.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"

namespace weft::icl::reference {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

// Reads a flat vector from front to back.
class Reader {
 public:
  explicit Reader(std::span<const double> theta) : theta_(theta) {}

  double number() {
    if (at_ >= theta_.size()) {
      fail(ErrorCode::config, {.op = "linear attention",
                               .expected = "more parameters for this shape",
                               .got = fmt::format("{}", theta_.size())});
    }
    return theta_[at_++];
  }
  MatrixXd matrix(int64_t rows, int64_t columns) {
    MatrixXd m(rows, columns);
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < columns; ++j) m(i, j) = number();
    }
    return m;
  }
  VectorXd vector(int64_t n) { return matrix(n, 1); }
  void finish() const {
    if (at_ != theta_.size()) {
      fail(ErrorCode::config, {.op = "linear attention",
                               .expected = fmt::format("{} parameters for this shape", at_),
                               .got = fmt::format("{}", theta_.size())});
    }
  }

 private:
  std::span<const double> theta_;
  size_t at_ = 0;
};

// diag(upper, corner)
MatrixXd bordered(const MatrixXd& upper, double corner) {
  const int64_t d = upper.rows();
  MatrixXd m = MatrixXd::Zero(d + 1, d + 1);
  m.topLeftCorner(d, d) = upper;
  m(d, d) = corner;
  return m;
}

Head read_head(Form form, int64_t d, Reader& theta) {
  const MatrixXd one = MatrixXd::Identity(d, d);
  Head h;
  switch (form) {
    case Form::block:
      h.P = bordered(theta.matrix(d, d), 1);
      h.Q = bordered(theta.matrix(d, d), 0);
      break;
    case Form::full:
      h.P = theta.matrix(d + 1, d + 1);
      h.Q = theta.matrix(d + 1, d + 1);
      break;
    case Form::sparse:
      h.P = bordered(0 * one, 1);
      h.Q = bordered(theta.matrix(d, d), 0);
      break;
    case Form::gdpp:
      h.P = bordered(theta.number() * one, 1);
      h.Q = bordered(theta.number() * one, 0);
      break;
    case Form::diag4: {
      const double px = theta.number(), py = theta.number();
      const double qx = theta.number(), qy = theta.number();
      h.P = bordered(px * one, py);
      h.Q = bordered(qx * one, qy);
      break;
    }
  }
  return h;
}

}  // namespace

VectorXd Perceptron::operator()(const VectorXd& x) const {
  return W2 * (W1 * x + b1).cwiseMax(0) + b2;
}

Model model_of(const ModelShape& shape, int64_t d, std::span<const double> theta) {
  Reader reader(theta);
  Model model;
  model.scores = shape.scores;
  model.divide_softmax = shape.divide_softmax;
  if (shape.hidden > 0) {
    Perceptron front;
    front.W1 = reader.matrix(shape.hidden, d);
    front.b1 = reader.vector(shape.hidden);
    front.W2 = reader.matrix(d, shape.hidden);
    front.b2 = reader.vector(d);
    model.front.push_back(front);
  }
  for (int64_t l = 0; l < shape.layers; ++l) {
    if (l > 0 && shape.tied) {
      model.layers.push_back(model.layers.front());
      continue;
    }
    Layer layer;
    for (int64_t h = 0; h < shape.heads; ++h) layer.push_back(read_head(shape.form, d, reader));
    model.layers.push_back(layer);
  }
  reader.finish();
  return model;
}

MatrixXd start(const Model& model, const Prompt& prompt) {
  const int64_t d = prompt.x.rows(), n = prompt.x.cols();
  MatrixXd Z = MatrixXd::Zero(d + 1, n + 1);
  Z.topLeftCorner(d, n) = prompt.x;
  Z.bottomLeftCorner(1, n) = prompt.y.transpose();
  Z.col(n).head(d) = prompt.query;
  for (const Perceptron& phi : model.front) {
    for (int64_t t = 0; t <= n; ++t) Z.col(t).head(d) = phi(VectorXd(Z.col(t).head(d)));
  }
  return Z;
}

MatrixXd weights(const Model& model, const MatrixXd& Q, const MatrixXd& Z) {
  const int64_t n = Z.cols() - 1;
  MatrixXd W = Z.transpose() * Q * Z;
  if (model.scores == Scores::relu) W = W.cwiseMax(0);
  if (model.scores == Scores::softmax) {
    for (int64_t t = 0; t <= n; ++t) {
      const VectorXd e = (W.col(t).array() - W.col(t).maxCoeff()).exp();
      W.col(t) = e / e.sum() * (model.divide_softmax ? 1. : static_cast<double>(n));
    }
  }
  W.row(n).setZero();
  return W;
}

MatrixXd next(const Model& model, const Layer& layer, const MatrixXd& Z) {
  const double n = static_cast<double>(Z.cols() - 1);
  MatrixXd sum = Z;
  for (const Head& h : layer) sum += h.P * Z * weights(model, h.Q, Z) / n;
  return sum;
}

std::vector<MatrixXd> forward(const Model& model, const Prompt& prompt) {
  std::vector<MatrixXd> Z = {start(model, prompt)};
  for (const Layer& layer : model.layers) Z.push_back(next(model, layer, Z.back()));
  return Z;
}

double prediction(const Model& model, const Prompt& prompt) {
  return -forward(model, prompt).back()(prompt.x.rows(), prompt.x.cols());
}

double residual(const Model& model, const Prompt& prompt) {
  return prompt.label - prediction(model, prompt);
}

MatrixXd recurrent_gram(const MatrixXd& Z) {
  const int64_t n = Z.cols() - 1;
  MatrixXd G = MatrixXd::Zero(Z.rows(), Z.rows());
  for (int64_t i = 0; i < n; ++i) {
    G += Z.col(i) * Z.col(i).transpose() / static_cast<double>(n);
  }
  return G;
}

double gram_residual(const Model& model, const Prompt& prompt) {
  const MatrixXd Z = start(model, prompt);
  const int64_t D = Z.rows();
  MatrixXd G = recurrent_gram(Z);
  VectorXd z = Z.col(Z.cols() - 1);
  for (const Layer& layer : model.layers) {
    MatrixXd T = MatrixXd::Identity(D, D);
    for (const Head& h : layer) T += h.P * G * h.Q;
    z = T * z;
    G = T * G * T.transpose();
  }
  return z(D - 1) + prompt.label;
}

}  // namespace weft::icl::reference
