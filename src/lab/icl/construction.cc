#include "lab/icl/construction.h"

#include "base/error.h"

namespace weft::icl {
namespace {

reference::Head head_of(const Matrix& upper_p, double corner, const Matrix& upper_q) {
  const Eigen::Index d = upper_q.rows();
  reference::Head head{Matrix::Zero(d + 1, d + 1), Matrix::Zero(d + 1, d + 1)};
  head.P.topLeftCorner(d, d) = upper_p;
  head.P(d, d) = corner;
  head.Q.topLeftCorner(d, d) = upper_q;
  return head;
}

const reference::Head& only_head(const reference::Layer& layer) {
  if (layer.size() == 1) return layer.front();
  fail(ErrorCode::config, {"reading of a model", "one head a layer", std::to_string(layer.size())});
}

Eigen::VectorXd loss_gradient(const reference::Prompt& p, const Eigen::VectorXd& w) {
  return p.x * (p.x.transpose() * w - p.y) / static_cast<double>(p.x.cols());
}

double mean_diagonal(const Matrix& q) {
  return q.diagonal().head(q.rows() - 1).mean();
}

/// (the multiple of I nearest to m, the share of m that it leaves)
std::pair<double, double> as_multiple(const Matrix& m) {
  const double a = m.trace() / static_cast<double>(m.rows()), norm = m.norm();
  const double rest = (m - a * Matrix::Identity(m.rows(), m.cols())).norm();
  return {a, norm > 0 ? rest / norm : 0};
}

}  // namespace

reference::Model preconditioned_descent(std::span<const Matrix> a) {
  reference::Model model;
  for (const Matrix& step : a) {
    model.layers.push_back({head_of(Matrix::Zero(step.rows(), step.cols()), 1, -step)});
  }
  return model;
}

Eigen::VectorXd descent_weights(const reference::Prompt& prompt, std::span<const Matrix> a) {
  Eigen::VectorXd w = Eigen::VectorXd::Zero(prompt.x.rows());
  for (const Matrix& step : a) w -= step.transpose() * loss_gradient(prompt, w);
  return w;
}

reference::Model step_construction(double rate, const Eigen::VectorXd& w0) {
  const Eigen::Index d = w0.size();
  Matrix keys = Matrix::Zero(d + 1, d + 1), values = keys, projection = keys;
  keys.topLeftCorner(d, d).setIdentity();
  values.bottomLeftCorner(1, d) = w0.transpose();
  values(d, d) = -1;
  projection(d, d) = rate;  // the layer itself divides by n
  reference::Model model;
  model.layers.push_back({{projection * values, keys.transpose() * keys}});
  return model;
}

Eigen::VectorXd descent_step(const reference::Prompt& prompt, double rate,
                             const Eigen::VectorXd& w0) {
  return -rate * loss_gradient(prompt, w0);
}

Eigen::VectorXd implied_weights(const reference::Model& model, const reference::Prompt& prompt) {
  if (model.scores != Scores::linear || !model.front.empty()) {
    fail(ErrorCode::config, {"implied weights", "linear scores and no perceptron", "another model",
                             "its predictions are not linear in the query"});
  }
  const Matrix z = reference::start(model, prompt);
  const Eigen::Index size = z.rows();
  Matrix gram = reference::recurrent_gram(z), all = Matrix::Identity(size, size);
  for (const reference::Layer& layer : model.layers) {
    Matrix t = Matrix::Identity(size, size);
    for (const reference::Head& h : layer) t += h.P * gram * h.Q;
    all = t * all;
    gram = t * gram * t.transpose();
  }
  return -all.row(size - 1).head(size - 1).transpose();
}

Agreement agreement(const reference::Model& a, const reference::Model& b,
                    std::span<const reference::Prompt> prompts) {
  Agreement mean =
      agreement([&](const reference::Prompt& p) { return implied_weights(a, p); },
                [&](const reference::Prompt& p) { return implied_weights(b, p); }, prompts);
  mean.prediction_difference = 0;  // by the layers, not by the weights that they imply
  for (const reference::Prompt& p : prompts) {
    mean.prediction_difference +=
        std::abs(reference::prediction(a, p) - reference::prediction(b, p)) /
        static_cast<double>(prompts.size());
  }
  return mean;
}

Agreement agreement(const WeightsOf& a, const WeightsOf& b,
                    std::span<const reference::Prompt> prompts) {
  Agreement mean;
  const auto n = static_cast<double>(prompts.size());
  for (const reference::Prompt& p : prompts) {
    const Eigen::VectorXd wa = a(p), wb = b(p);
    mean.prediction_difference += std::abs((wa - wb).dot(p.query)) / n;
    mean.model_difference += (wa - wb).norm() / n;
    mean.cosine += wa.dot(wb) / ((wa.norm() + 1e-8) * (wb.norm() + 1e-8)) / n;
  }
  return mean;
}

reference::Model interpolate(const reference::Model& trained, const reference::Model& constructed) {
  if (trained.layers.size() != constructed.layers.size()) {
    fail(ErrorCode::config, {"interpolation of models", "as many layers in both", "other numbers"});
  }
  reference::Model between = trained;
  for (size_t l = 0; l < trained.layers.size(); ++l) {
    const reference::Head& t = only_head(trained.layers[l]);
    const reference::Head& c = only_head(constructed.layers[l]);
    const double factor = mean_diagonal(c.Q) / mean_diagonal(t.Q);
    between.layers[l] = {{(t.P / factor + c.P) / 2, (t.Q * factor + c.Q) / 2}};
  }
  return between;
}

GdppReading read_as_gdpp(const reference::Model& model, const Matrix& sigma) {
  const Eigen::SelfAdjointEigenSolver<Matrix> roots(sigma);
  const Matrix root = roots.operatorSqrt(), inverse = roots.operatorInverseSqrt();
  const Eigen::Index d = sigma.rows();
  GdppReading reading;
  for (const reference::Layer& layer : model.layers) {
    const reference::Head& h = only_head(layer);
    // The label's corner of P multiplies the step; blocks have 1 there.
    const auto [q, rest_q] = as_multiple(root * h.Q.topLeftCorner(d, d) * root * h.P(d, d));
    const auto [b, rest_b] = as_multiple(inverse * h.P.topLeftCorner(d, d) * root / h.P(d, d));
    reading.a.push_back(-q);
    reading.b.push_back(b);
    reading.distance_q.push_back(rest_q);
    reading.distance_b.push_back(rest_b);
  }
  return reading;
}

}  // namespace weft::icl
