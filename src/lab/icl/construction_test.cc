#include "lab/icl/construction.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "lab/icl/draw.h"
#include "lab/icl/layout.h"

namespace weft::icl {
namespace {

using reference::Draw;
using reference::Prompt;

PromptLaw noisy_law(int64_t d = 4, int64_t n = 9) {
  PromptLaw law;
  law.d = d;
  law.n = n;
  law.label_noise = 0.3;
  return law;
}

std::vector<Matrix> matrices(size_t count, Eigen::Index d, double scale) {
  const Random random(8, "construction_test");
  std::vector<Matrix> all(count, Matrix(d, d));
  uint64_t at = 0;
  for (Matrix& m : all) {
    for (double& e : m.reshaped()) e = scale * random.normal(at++);
  }
  return all;
}

reference::Model block_model(int64_t d, int64_t layers, double scale) {
  const ModelShape shape{.layers = layers, .init = scale};
  return reference::model_of(shape, d, initial_parameters(shape, d, 3));
}

// Lemma 1 with asymmetric steps; with A in the place of its transpose it must fail.
TEST(IclConstruction, LayersArePreconditionedDescent) {
  for (const size_t layers : {1, 2, 4}) {
    const std::vector<Matrix> a = matrices(layers, 4, 0.3);
    const reference::Model model = preconditioned_descent(a);
    std::vector<Matrix> transposed = a;
    for (Matrix& m : transposed) m.transposeInPlace();
    for (uint64_t i = 0; i < 5; ++i) {
      const Prompt p = Draw(noisy_law(), 1)(i).prompt;
      const Eigen::VectorXd w = descent_weights(p, a);
      const double scale = 1 + w.norm() * p.query.norm();
      EXPECT_NEAR(reference::prediction(model, p), w.dot(p.query), 1e-14 * scale);
      EXPECT_LT((implied_weights(model, p) - w).norm(), 1e-14 * scale);
      const double wrong = descent_weights(p, transposed).dot(p.query);
      EXPECT_GT(std::abs(reference::prediction(model, p) - wrong), 1e-3) << i;
    }
  }
}

TEST(IclConstruction, OneStepMovesEveryLabel) {
  const Eigen::VectorXd w0 = matrices(1, 4, 0.5)[0].col(0);
  for (uint64_t i = 0; i < 5; ++i) {
    const Prompt p = Draw(noisy_law(), 2)(i).prompt;
    const reference::Model model = step_construction(0.7, w0);
    const Matrix z = reference::forward(model, p).back();
    const Eigen::VectorXd step = descent_step(p, 0.7, w0);
    for (Eigen::Index j = 0; j < p.x.cols(); ++j) {
      EXPECT_NEAR(z(4, j), p.y[j] - step.dot(p.x.col(j)), 1e-14 * (1 + std::abs(p.y[j])));
      EXPECT_EQ(z.col(j).head(4), p.x.col(j));
    }
    EXPECT_NEAR(reference::prediction(model, p), step.dot(p.query), 1e-14);
  }
}

TEST(IclConstruction, FromZeroItIsOneBlockLayer) {
  const reference::Model step = step_construction(0.7, Eigen::VectorXd::Zero(4));
  const std::vector<Matrix> a = {0.7 * Matrix::Identity(4, 4)};
  const Prompt p = Draw(noisy_law(), 3)(0).prompt;
  EXPECT_NEAR(reference::prediction(step, p), reference::prediction(preconditioned_descent(a), p),
              1e-15);
}

TEST(IclConstruction, PredictionsAreLinearInTheQuery) {
  ModelShape full{.layers = 3, .heads = 2, .form = Form::full, .init = 0.2};
  const std::vector<reference::Model> models = {
      block_model(4, 3, 0.3), reference::model_of(full, 4, initial_parameters(full, 4, 5))};
  for (const reference::Model& model : models) {
    for (uint64_t i = 0; i < 4; ++i) {
      Prompt p = Draw(noisy_law(), 4)(i).prompt;
      const Eigen::VectorXd what = implied_weights(model, p);
      EXPECT_NEAR(what.dot(p.query), reference::prediction(model, p),
                  1e-13 * (1 + what.norm() * p.query.norm()));
    }
  }
  reference::Model softmax = models[0];
  softmax.scores = Scores::softmax;
  EXPECT_THROW(implied_weights(softmax, Draw(noisy_law(), 4)(0).prompt), Error);
}

TEST(IclConstruction, AgreementOfEqualAndOppositeModels) {
  std::vector<Prompt> prompts;
  for (uint64_t i = 0; i < 8; ++i) prompts.push_back(Draw(noisy_law(), 5)(i).prompt);
  const std::vector<Matrix> a = {0.6 * Matrix::Identity(4, 4)};
  const std::vector<Matrix> half = {0.3 * Matrix::Identity(4, 4)};
  const std::vector<Matrix> minus = {-0.6 * Matrix::Identity(4, 4)};
  const reference::Model model = preconditioned_descent(a);
  const Agreement same = agreement(model, model, prompts);
  EXPECT_EQ(same.prediction_difference, 0);
  EXPECT_EQ(same.model_difference, 0);
  EXPECT_NEAR(same.cosine, 1, 1e-6);
  const Agreement shorter = agreement(model, preconditioned_descent(half), prompts);
  double predictions = 0, weights = 0;
  for (const Prompt& p : prompts) {
    predictions += std::abs(reference::prediction(model, p)) / 2 / 8;
    weights += implied_weights(model, p).norm() / 2 / 8;
  }
  EXPECT_NEAR(shorter.prediction_difference, predictions, 1e-13);
  EXPECT_NEAR(shorter.model_difference, weights, 1e-13);
  EXPECT_NEAR(shorter.cosine, 1, 1e-6);
  EXPECT_NEAR(agreement(model, preconditioned_descent(minus), prompts).cosine, -1, 1e-6);
}

// A model that is the construction but for the scale moved between P and Q.
TEST(IclConstruction, InterpolationUndoesTheFreedomOfScale) {
  const reference::Model constructed = step_construction(0.7, Eigen::VectorXd::Zero(4));
  reference::Model trained = constructed;
  trained.layers[0][0].P *= -2.5;
  trained.layers[0][0].Q /= -2.5;
  const reference::Model between = interpolate(trained, constructed);
  EXPECT_TRUE(between.layers[0][0].P.isApprox(constructed.layers[0][0].P, 1e-14));
  EXPECT_TRUE(between.layers[0][0].Q.isApprox(constructed.layers[0][0].Q, 1e-14));
  EXPECT_THROW(interpolate(block_model(4, 2, 0.1), constructed), Error);
}

TEST(IclConstruction, ReadingOfConstructedGdpp) {
  ModelShape shape{.layers = 3, .form = Form::gdpp};
  // b, q of each layer.
  const std::vector<double> theta = {.88, -.34, .58, -2.1, .1, -8.6};
  reference::Model model = reference::model_of(shape, 4, theta);
  const GdppReading plain = read_as_gdpp(model, Matrix::Identity(4, 4));
  EXPECT_NEAR(plain.a[1], 2.1, 1e-15);
  EXPECT_NEAR(plain.b[0], .88, 1e-15);
  EXPECT_NEAR(plain.distance_q[2] + plain.distance_b[0], 0, 1e-15);
  // In other coordinates, and with the scale between P and Q moved, the same.
  PromptLaw law;
  law.d = 3;
  law.covariance = {2, 0.5, 0.3, 0.5, 1, -0.2, 0.3, -0.2, 0.7};
  const Matrix sigma = covariance_of(law);
  const Eigen::SelfAdjointEigenSolver<Matrix> roots(sigma);
  const Matrix root = roots.operatorSqrt(), inverse = roots.operatorInverseSqrt();
  reference::Model turned;
  for (const double scale : {1.0, -3.0}) {
    reference::Head h{Matrix::Zero(4, 4), Matrix::Zero(4, 4)};
    h.P.topLeftCorner(3, 3) = scale * .88 * root * inverse;
    h.P(3, 3) = scale;
    h.Q.topLeftCorner(3, 3) = -.34 / scale * inverse * inverse;
    turned.layers.push_back({h});
  }
  const GdppReading read = read_as_gdpp(turned, sigma);
  for (const size_t l : {0, 1}) {
    EXPECT_NEAR(read.a[l], .34, 1e-14);
    EXPECT_NEAR(read.b[l], .88, 1e-14);
    EXPECT_NEAR(read.distance_q[l], 0, 1e-14);
  }
  turned.layers[0][0].Q.setZero();
  turned.layers[0][0].Q(0, 1) = 1;
  EXPECT_GT(read_as_gdpp(turned, Matrix::Identity(3, 3)).distance_q[0], 0.99);
}

}  // namespace
}  // namespace weft::icl
