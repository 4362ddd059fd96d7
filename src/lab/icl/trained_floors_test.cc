// Trained models against the exact floors.
#include <gtest/gtest.h>

#include "lab/icl/bayes.h"
#include "lab/icl/descent_floor.h"
#include "lab/icl/oracle_groups.h"
#include "lab/icl/trainer.h"

namespace weft::icl {
namespace {

Setting short_run(const PromptLaw& law, Form form, int64_t layers, double lr) {
  Setting s = setting_of(law, form, layers);
  s.training.lr = lr;
  s.training.batch = 512;
  s.training.steps = 300;
  s.training.eval_every = 300;
  s.training.eval_batch = 512;
  s.training.halve_every = 60;  // the last steps are small, and so is what they jitter
  return s;
}

std::vector<double> trained(const Setting& s) {
  return train(s, {.threads = 1, .isa = best_isa()}).theta;
}

// Sampled prompts lead one layer to the minimum of the exact loss.
TEST(IclTrainedFloor, OneLayerReachesItsMinimum) {
  for (const PromptLaw& law : {PromptLaw{}, stretched_law()}) {
    const std::vector<double> theta = trained(short_run(law, Form::sparse, 1, 0.1));
    Matrix q(5, 5);
    for (Eigen::Index i = 0; i < 25; ++i) q(i / 5, i % 5) = theta[static_cast<size_t>(i)];
    const Population p = population_of(law);
    const double least = loss(p, closed_minimiser(p));
    EXPECT_GE(loss(p, q), least);
    EXPECT_LT(loss(p, q), 1.03 * least);
  }
}

TEST(IclTrainedFloor, TwoStepsReachTheirFloor) {
  const Setting s = short_run({}, Form::sparse, 2, 0.05);
  const Estimate reached = sampled_loss(s, trained(s), 50000);
  const double floor = descent_floor(5, 20, 2).loss;
  EXPECT_GT(reached.mean + 4 * reached.error, floor);
  EXPECT_LT(reached.mean - 4 * reached.error, 1.05 * floor);
}

// Nothing beats ridge regression that knows the noise.
TEST(IclTrainedFloor, NoneBelowTheBayesRisk) {
  PromptLaw law;
  law.label_noise = 1;
  const Estimate bayes = bayes_floor(law, 2000);
  for (const Form form : {Form::block, Form::full, Form::diag4}) {
    const Setting s = short_run(law, form, 2, 0.02);
    const Estimate reached = sampled_loss(s, trained(s), 50000);
    EXPECT_GT(reached.mean, bayes.mean - 4 * (reached.error + bayes.error));
    EXPECT_LT(reached.mean, 3) << "it has learnt nothing";
  }
}

}  // namespace
}  // namespace weft::icl
