#include "lab/icl/population.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "lab/icl/descent.h"
#include "lab/icl/population_minimum.h"

namespace weft::icl {
namespace {

PromptLaw default_law() {
  return {};
}
PromptLaw heavy_law() {
  PromptLaw law;
  law.covariates = Covariates::gamma;
  return law;
}
PromptLaw sphere_law() {
  PromptLaw law;
  law.covariates = Covariates::sphere;
  return law;
}
PromptLaw stretched_law() {
  PromptLaw law;
  law.covariance = {1, 1, 0.25, 0.0625, 1};
  return law;
}

// A full matrix, so that no axis is special.
PromptLaw rotated_law() {
  PromptLaw law;
  law.d = 3;
  law.n = 7;
  law.covariance = {2, 0.5, 0.3, 0.5, 1, -0.2, 0.3, -0.2, 0.7};
  return law;
}

Matrix some_matrix(Eigen::Index d, const char* name) {
  const Random random(5, name);
  Matrix m(d, d);
  for (Eigen::Index i = 0; i < d * d; ++i)
    m.data()[i] = 0.5 * random.normal(static_cast<uint64_t>(i));
  return m;
}

/// c with Mg = c I.
double isotropic_c(const Population& p) {
  EXPECT_TRUE(p.gram.isApprox(p.gram(0, 0) * Matrix::Identity(p.d(), p.d()), 1e-13));
  return p.gram(0, 0);
}

struct Row {
  PromptLaw law;
  double c, a, loss, zero, bursts, ball_bursts;
};

std::vector<Row> published_rows() {
  PromptLaw few;
  few.n = 5;
  return {{default_law(), 1.3, .769231, 1.153846, 5, .76923, 1.46154},
          {few, 2.2, .454545, 2.727273, 5, .45455, .86364},
          {heavy_law(), .148, 1.351351, .729730, 1, 33.7838, 64.1892},
          {sphere_law(), .048, 4.166667, .166667, 1, 104.167, 197.917}};
}

TEST(IclPopulation, PublishedTable) {
  for (const Row& row : published_rows()) {
    const Population p = population_of(row.law);
    EXPECT_NEAR(isotropic_c(p), row.c, 1e-14);
    EXPECT_NEAR(closed_minimiser(p)(0, 0), -row.a, 5e-7);
    EXPECT_NEAR(loss(p, closed_minimiser(p)), row.loss, 5e-7);
    EXPECT_NEAR(p.zero_loss, row.zero, 1e-14);
    EXPECT_NEAR(divergence_rate(p) / row.bursts, 1, 1e-5);
    EXPECT_NEAR(divergence_rate(p, 0.9) / row.ball_bursts, 1, 1e-5);
  }
}

TEST(IclPopulation, PublishedRowOfAStretchedLaw) {
  const Population p = population_of(stretched_law());
  const double a[] = {.82262, .82262, 2.33577, 4.32432, .82262};
  const Matrix q = closed_minimiser(p);
  for (Eigen::Index i = 0; i < 5; ++i) EXPECT_NEAR(q(i, i), -a[i], 5e-6) << i;
  EXPECT_NEAR(loss(p, q), 0.681756, 5e-7);
  EXPECT_NEAR(p.zero_loss, 3.3125, 1e-14);
  EXPECT_NEAR(divergence_rate(p), .82262, 5e-6);
}

TEST(IclPopulation, NumericalMinimumNeedsNoClosedForm) {
  std::vector<PromptLaw> laws = {stretched_law(), rotated_law()};
  for (const Row& row : published_rows()) laws.push_back(row.law);
  laws.push_back(rotated_law());
  laws.back().label_noise = 0.7;
  laws.push_back(rotated_law());
  laws.back().whitened_weights = true;
  laws.push_back(rotated_law());
  laws.back().covariates = Covariates::uniform;
  laws.push_back(default_law());
  laws.back().covariance = {1, 1e-2, 1e-4, 10, 3};
  for (const PromptLaw& law : laws) {
    const Population p = population_of(law);
    const PopulationMinimum found = minimise(p);
    const Matrix closed = closed_minimiser(p);
    EXPECT_NEAR(found.loss, loss(p, closed), 1e-12);
    EXPECT_LT((found.q - closed).norm(), 1e-10 * closed.norm());
    const PopulationMinimum scalar = minimise(p, Family::scalar);
    EXPECT_TRUE(scalar.q.isApprox(closed_minimiser_scalar(p), 1e-12));
    EXPECT_GE(scalar.loss, found.loss - 1e-12);
  }
}

// A rotation of an ill-conditioned covariance leaves the minimum's loss and turns its matrix.
TEST(IclPopulation, RotatedEigenvaluesGiveTheRotatedMinimum) {
  PromptLaw law = stretched_law();
  law.covariance = {1, .5, .1, .01, .001};
  const Matrix axes = closed_minimiser(population_of(law));
  const Matrix u = some_matrix(5, "rotation").householderQr().householderQ();
  const Matrix sigma = u * covariance_of(law) * u.transpose();
  PromptLaw turned = law;
  turned.covariance.assign(sigma.data(), sigma.data() + sigma.size());
  const PopulationMinimum found = minimise(population_of(turned));
  EXPECT_NEAR(found.loss, loss(population_of(law), axes), 1e-12);
  EXPECT_LT((found.q - u * axes * u.transpose()).norm(), 1e-11 * axes.norm());
  EXPECT_LT(found.iterations, 100);
}

TEST(IclPopulation, GradientAndHessianAreThoseOfTheLoss) {
  PromptLaw law = rotated_law();
  law.label_noise = 0.4;
  const Population p = population_of(law);
  const Matrix q = some_matrix(3, "q"), step = some_matrix(3, "step");
  const double h = 1e-4;
  const double slope = (loss(p, q + h * step) - loss(p, q - h * step)) / (2 * h);
  EXPECT_NEAR(gradient(p, q).cwiseProduct(step).sum(), slope, 1e-9);
  // Row by row, as parameters lie; the loss is quadratic, so the expansion is exact.
  const Eigen::VectorXd flat = step.transpose().reshaped();
  const double second = flat.dot(hessian(p) * flat);
  EXPECT_NEAR(loss(p, q + step), loss(p, q) + gradient(p, q).cwiseProduct(step).sum() + second / 2,
              1e-12);
}

// Isotropic: every curvature of Q alike (a condition number of 1); stretched: the published ones.
TEST(IclPopulation, DiagonalsOfTheHessian) {
  for (const Row& row : published_rows()) {
    const Population p = population_of(row.law);
    const Eigen::VectorXd diagonal = hessian(p).diagonal();
    EXPECT_NEAR(diagonal.maxCoeff() / diagonal.minCoeff(), 1, 1e-12);
    EXPECT_NEAR(diagonal[0], 2 * row.c * row.zero / 5, 1e-12);
  }
  Eigen::VectorXd diagonal = hessian(population_of(stretched_law())).diagonal();
  std::sort(diagonal.begin(), diagonal.end());
  EXPECT_NEAR(diagonal[24], 2.43125, 1e-12);
  EXPECT_NEAR(diagonal[12], 0.214063, 5.1e-7);
  EXPECT_NEAR(diagonal[0], 0.00180664, 5e-9);
}

TEST(IclPopulation, NoiseOfAllKinds) {
  PromptLaw law;
  law.d = 10;
  const double sigma[] = {.5, 1, 3, 5}, published[] = {3.600, 3.750, 5.000, 6.429};
  for (int i = 0; i < 4; ++i) {
    law.label_noise = sigma[i];
    const Population p = population_of(law);
    EXPECT_NEAR(loss(p, closed_minimiser(p)), published[i], 5e-4);
  }
  law.label_noise = 0;
  law.noise_max = 3;
  EXPECT_DOUBLE_EQ(noise_variance(law), 3);
  law.noise_levels = {1, 3, 5};
  EXPECT_DOUBLE_EQ(noise_variance(law), 35.0 / 3);
}

// 2212.07677 as coded, and as its comment says; its loss is half the mean square.
TEST(IclPopulation, UniformComponents) {
  PromptLaw law;
  law.d = law.n = 10;
  law.covariates = Covariates::uniform;
  law.half_width = 0.5;
  EXPECT_NEAR(closed_minimiser(population_of(law))(3, 3), -6.06061, 5e-6);
  EXPECT_NEAR(minimise(population_of(law)).loss / 2, 0.206229, 5e-7);
  law.half_width = 1;
  EXPECT_NEAR(closed_minimiser(population_of(law))(3, 3), -1.51515, 5e-6);
  EXPECT_NEAR(minimise(population_of(law)).loss / 2, 0.824916, 5e-7);
}

/// Means over sampled prompts of g g^T and g w^T, drawn from the definitions.
struct Sampled {
  Matrix gram, cross;
};
Sampled sample(const PromptLaw& law, int prompts) {
  const auto d = static_cast<Eigen::Index>(law.d);
  const Random random(3, "population_test");
  uint64_t at = 0;
  const Matrix sigma = covariance_of(law);
  const Matrix root = Eigen::SelfAdjointEigenSolver<Matrix>(sigma).operatorSqrt();
  Sampled sum{Matrix::Zero(d, d), Matrix::Zero(d, d)};
  for (int p = 0; p < prompts; ++p) {
    Eigen::VectorXd w(d), x(d), g = Eigen::VectorXd::Zero(d);
    for (double& e : w) e = random.normal(at++);
    if (law.whitened_weights) w = root.inverse() * w;
    for (int64_t i = 0; i < law.n; ++i) {
      for (double& e : x) {
        e = law.covariates == Covariates::uniform ? law.half_width * (2 * random.uniform(at++) - 1)
                                                  : random.normal(at++);
      }
      if (law.covariates == Covariates::sphere) x.normalize();
      x = root * x;
      g += x * (w.dot(x) + law.label_noise * random.normal(at++)) / static_cast<double>(law.n);
    }
    sum.gram += g * g.transpose() / prompts;
    sum.cross += g * w.transpose() / prompts;
  }
  return sum;
}

TEST(IclPopulation, MomentsAreThoseOfSampledPrompts) {
  for (const Covariates covariates :
       {Covariates::gaussian, Covariates::sphere, Covariates::uniform}) {
    for (const bool whitened : {false, true}) {
      PromptLaw law = rotated_law();
      law.n = 3;
      law.covariates = covariates;
      law.half_width = 1.5;
      law.whitened_weights = whitened;
      law.label_noise = 0.5;
      const Population p = population_of(law);
      const Sampled sampled = sample(law, 20000);
      // One product deviates by about 5 norms of the mean, 20,000 of them by 3.6 %.
      EXPECT_LT((sampled.gram - p.gram).norm(), 0.1 * p.gram.norm());
      EXPECT_LT((sampled.cross - p.cross).norm(), 0.08 * p.cross.norm());
    }
  }
}

TEST(IclPopulation, RefusesWhatHasNoClosedForm) {
  PromptLaw law;
  law.teacher = Teacher::mlp;
  EXPECT_THROW(population_of(law), Error);
  law = {};
  law.covariance = {1, 2};
  EXPECT_THROW(population_of(law), Error);
  law.covariance = {1, 1, 1, -1, 1};
  EXPECT_THROW(population_of(law), Error);
}

TEST(IclDescent, TrajectoryInClosedForm) {
  const Population isotropic = population_of(default_law());
  const Descent path = descend(isotropic, 0.1, 0, 30);
  for (int t = 0; t <= 30; t += 5) {
    const double a = (1 - std::pow(1 - 2 * 0.1 * 1.3, t)) / 1.3;
    EXPECT_TRUE(path.q[static_cast<size_t>(t)].isApprox(-a * Matrix::Identity(5, 5), 1e-13)) << t;
  }
  for (const PromptLaw& law : {stretched_law(), rotated_law()}) {
    const Population p = population_of(law);
    const double rate = 0.7 * divergence_rate(p);
    const Descent other = descend(p, rate, 0, 40);
    for (const int t : {1, 7, 40}) {
      EXPECT_TRUE(other.q[static_cast<size_t>(t)].isApprox(closed_descent(p, rate, t), 1e-12)) << t;
    }
    EXPECT_NEAR(other.loss[40], loss(p, closed_descent(p, rate, 40)), 1e-12);
  }
}

TEST(IclDescent, BurstsAtOnePercentAboveTheThresholdAndNotBelow) {
  std::vector<PromptLaw> laws = {stretched_law(), rotated_law()};
  for (const Row& row : published_rows()) laws.push_back(row.law);
  for (const PromptLaw& law : laws) {
    const Population p = population_of(law);
    for (const double momentum : {0.0, 0.9}) {
      const double rate = divergence_rate(p, momentum);
      EXPECT_FALSE(descend(p, 0.99 * rate, momentum, 2000).diverged) << momentum;
      EXPECT_TRUE(descend(p, 1.01 * rate, momentum, 2000).diverged) << momentum;
    }
  }
}

// Descent on the exact gradient ends at the table's minimum to 1e-10.
TEST(IclDescent, ReachesTheMinimum) {
  for (const Row& row : published_rows()) {
    const Population p = population_of(row.law);
    const Descent path = descend(p, 0.3 * divergence_rate(p), 0, 400);
    EXPECT_NEAR(path.loss.back(), loss(p, closed_minimiser(p)), 1e-12);
    EXPECT_LT((path.q.back() - closed_minimiser(p)).norm(), 1e-10);
  }
}

}  // namespace
}  // namespace weft::icl
