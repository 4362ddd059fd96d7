// Bayes risks, layers with other scores, and which floor belongs to which setting.
#include "lab/icl/floor.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "lab/icl/bayes.h"
#include "lab/icl/descent_floor.h"
#include "lab/icl/draw.h"
#include "lab/icl/gdpp_floor.h"
#include "lab/icl/other_scores.h"
#include "lab/icl/population.h"

namespace weft::icl {
namespace {

Setting with(int64_t layers, Form form) {
  Setting s;
  s.model.layers = layers;
  s.model.form = form;
  return s;
}

TEST(IclFloor, BayesRiskOfThePublishedTable) {
  PromptLaw law;
  law.d = 10;
  const double sigma[] = {.5, 1, 3, 5}, published[] = {.261, .899, 4.00, 6.13};
  for (int i = 0; i < 4; ++i) {
    law.label_noise = sigma[i];
    const Estimate risk = bayes_floor(law, 1500);
    // The published means have 20,000 samples, a quarter of this error.
    EXPECT_NEAR(risk.mean, published[i], 4.2 * risk.error + 0.005) << sigma[i];
    EXPECT_LT(risk.error, 0.02 * risk.mean);
    const Population p = population_of(law);
    EXPECT_LT(risk.mean + 4 * risk.error, loss(p, closed_minimiser(p))) << "no layer beats it";
  }
}

// Ridge regression as it is written: sigma^2 tr (X X^T + sigma^2)^-1 on the same contexts.
TEST(IclFloor, BayesRiskIsThatOfRidge) {
  PromptLaw law;
  law.d = 3;
  law.n = 5;
  law.label_noise = 0.8;
  const reference::Draw draw(law, 0);
  const Estimate ridge = estimate(50, [&](uint64_t i) {
    const Matrix x = draw(i).prompt.x;
    return .64 * (x * x.transpose() + .64 * Matrix::Identity(3, 3)).inverse().trace();
  });
  const Estimate risk = bayes_floor(law, 50);
  EXPECT_NEAR(risk.mean, ridge.mean, 1e-12);
  EXPECT_NEAR(risk.error, ridge.error, 1e-12);
}

TEST(IclFloor, BayesRiskWithoutNoise) {
  PromptLaw law;
  EXPECT_NEAR(bayes_floor(law, 50).mean, 0, 1e-10);  // 20 examples determine 5 weights
  law.d = 6;
  law.n = 2;
  EXPECT_NEAR(bayes_floor(law, 50).mean, 4, 1e-10);  // 4 of 6 directions unseen
  law.teacher = Teacher::mlp;
  EXPECT_THROW(bayes_floor(law, 50), Error);
}

TEST(IclFloor, EveryLawIsDrawnWithItsMoments) {
  for (const Covariates covariates :
       {Covariates::gaussian, Covariates::sphere, Covariates::gamma, Covariates::uniform}) {
    PromptLaw law;
    law.covariates = covariates;
    law.noise_levels = {1, 3};
    const reference::Draw draw(law, 6);
    const RadialMoments m = radial_moments(law);
    const Estimate second =
        estimate(4000, [&](uint64_t i) { return draw(i).prompt.x.colwise().squaredNorm().mean(); });
    const Estimate fourth = estimate(4000, [&](uint64_t i) {
      return draw(i).prompt.x.colwise().squaredNorm().array().square().mean();
    });
    const Estimate noise = estimate(4000, [&](uint64_t i) { return std::pow(draw(i).sigma, 2); });
    EXPECT_NEAR(second.mean, m.second, 4 * second.error + 1e-12);
    EXPECT_NEAR(fourth.mean, m.fourth, 4 * fourth.error + 1e-12);
    EXPECT_TRUE(noise.agrees(noise_variance(law)));
  }
}

TEST(IclFloor, ReluScores) {
  const ReluMinimum m = relu_minimum(5, 20);
  EXPECT_NEAR(m.c, 1.21212, 5e-6);
  EXPECT_NEAR(m.loss, 1.96970, 5e-6);
  EXPECT_NEAR(relu_loss(5, 20, m.c), m.loss, 1e-14);
  EXPECT_GT(relu_loss(5, 20, m.c * 1.01), m.loss);
  EXPECT_GT(relu_loss(5, 20, m.c * 0.99), m.loss);
  // The loss of another c, by the reference on sampled prompts.
  const PromptLaw law;
  const reference::Draw draw(law, 7);
  const ModelShape shape{.layers = 1, .form = Form::gdpp, .scores = Scores::relu};
  const double theta[] = {0, -0.9};
  const reference::Model model = reference::model_of(shape, 5, theta);
  const Estimate sampled = estimate(
      6000, [&](uint64_t i) { return std::pow(reference::residual(model, draw(i).prompt), 2); });
  EXPECT_TRUE(sampled.agrees(relu_loss(5, 20, 0.9))) << sampled.mean;
}

TEST(IclFloor, TwoSoftmaxHeadsTendToALinearOne) {
  const reference::Prompt p = reference::Draw(PromptLaw{}, 8)(0).prompt;
  const double linear = centred_linear_head(p, p.query);
  double before = 0;
  for (const double e : {.1, .01, .001}) {
    const double error = std::abs(two_softmax_heads(p, p.query, e) - linear);
    if (before > 0) {
      EXPECT_NEAR(before / error, 100, 10) << e;
    }
    before = error;
  }
  EXPECT_LT(before, 1e-5);
}

TEST(IclFloor, OneLayer) {
  for (const Form form : {Form::block, Form::full, Form::sparse}) {
    const std::optional<Floor> floor = floor_of(with(1, form));
    ASSERT_TRUE(floor);
    EXPECT_NEAR(floor->loss, 1.153846, 5e-7);
    EXPECT_TRUE(floor->proven);
  }
  Setting stretched = with(1, Form::block);
  stretched.law.covariance = {1, 1, 0.25, 0.0625, 1};
  EXPECT_NEAR(floor_of(stretched)->loss, 0.681756, 5e-7);
  Setting scalar = stretched;
  scalar.model.form = Form::gdpp;
  EXPECT_GT(floor_of(scalar)->loss, 0.69);
}

TEST(IclFloor, ManyLayers) {
  const std::optional<Floor> three = floor_of(with(3, Form::sparse));
  EXPECT_NEAR(three->loss, 0.13360843, 5e-9);
  EXPECT_FALSE(three->proven);
  EXPECT_NEAR(floor_of(with(2, Form::block))->loss, 0.057501, 5e-7);
  EXPECT_NEAR(floor_of(with(3, Form::gdpp))->loss, 0.000961, 5e-7);
  EXPECT_NE(floor_of(with(3, Form::block))->kind.find("not proven"), std::string::npos);
  Setting tied = with(3, Form::sparse);
  tied.model.tied = true;
  EXPECT_DOUBLE_EQ(floor_of(tied)->loss, tied_descent_floor(5, 20, 3).loss);
  // Whitened weights make a stretched law the standard one in other coordinates.
  Setting whitened = with(3, Form::sparse);
  whitened.law.covariance = {1, 1, 0.25, 0.0625, 1};
  EXPECT_FALSE(floor_of(whitened));
  whitened.law.whitened_weights = true;
  EXPECT_DOUBLE_EQ(floor_of(whitened)->loss, three->loss);
}

// Multiples of I cannot become Sigma^-1: whitened weights do not make a stretched law the standard
// one for them, and the standard floor would be one that they cannot reach.
TEST(IclFloor, MultiplesOfTheIdentityDoNotFollowTheCovariance) {
  for (const Form form : {Form::block, Form::gdpp, Form::diag4}) {
    Setting s = with(2, form);
    s.law.whitened_weights = true;
    s.law.covariance = {1, 1, 0.25, 0.0625, 1};
    const std::optional<Floor> stretched = floor_of(s);
    EXPECT_EQ(stretched.has_value(), form == Form::block) << name_of(form);
    EXPECT_EQ(is_standard(s), form == Form::block) << name_of(form);
    if (stretched) {
      EXPECT_NEAR(stretched->loss, 0.057501, 5e-7);
    }
    // One layer of them has its own minimum, above that of any Q.
    s.model.layers = 1;
    const double one = floor_of(s)->loss;
    if (form == Form::block) {
      EXPECT_NEAR(one, 1.153846, 5e-7);
    } else {
      EXPECT_GT(one, 1.3) << name_of(form);
    }
    s.law.covariance.assign(5, 4.0);
    EXPECT_TRUE(is_standard(s));
    EXPECT_NEAR(floor_of(s)->loss, 1.153846, 5e-7) << name_of(form);
  }
  Setting noisy = with(2, Form::gdpp);
  noisy.law.covariance = {1, 1, 0.25, 0.0625, 1};
  noisy.law.whitened_weights = true;
  noisy.law.label_noise = 0.5;
  EXPECT_NE(floor_of(noisy)->kind.find("Bayes"), std::string::npos);
}

// The Bayes risk in other coordinates is that of the standard law.
TEST(IclFloor, BayesRiskIsTheSameInOtherCoordinates) {
  PromptLaw law;
  law.label_noise = 1;
  const Estimate plain = bayes_floor(law, 3000);
  law.covariance = {1, 1, 0.25, 0.0625, 1};
  law.whitened_weights = true;
  const Estimate whitened = bayes_floor(law, 3000);
  EXPECT_NEAR(whitened.mean, plain.mean, 4 * std::hypot(plain.error, whitened.error));
}

TEST(IclFloor, HeadsOfReluHaveAnother) {
  Setting s = with(1, Form::full);
  s.model.scores = Scores::relu;
  s.model.heads = 2;
  EXPECT_FALSE(floor_of(s));
}

TEST(IclFloor, NoisyAndUnknown) {
  Setting noisy = with(3, Form::block);
  noisy.law.label_noise = 1;
  const std::optional<Floor> bayes = floor_of(noisy);
  ASSERT_TRUE(bayes);
  EXPECT_GT(bayes->error, 0);
  EXPECT_NE(bayes->kind.find("Bayes"), std::string::npos);
  noisy.model.form = Form::sparse;
  EXPECT_GT(floor_of(noisy)->loss, bayes->loss + 4 * bayes->error);
  EXPECT_FALSE(floor_of(with(4, Form::block)));
  Setting softmax = with(1, Form::block);
  softmax.model.scores = Scores::softmax;
  EXPECT_FALSE(floor_of(softmax));
  softmax.model.scores = Scores::relu;
  EXPECT_NEAR(floor_of(softmax)->loss, 1.96970, 5e-6);
  Setting mlp = with(1, Form::full);
  mlp.law.teacher = Teacher::mlp;
  EXPECT_FALSE(floor_of(mlp));
}

}  // namespace
}  // namespace weft::icl
