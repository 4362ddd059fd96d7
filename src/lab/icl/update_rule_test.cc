#include "lab/icl/update_rule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace weft::icl {
namespace {

using Steps = std::vector<std::vector<double>>;

Training training(Optimizer optimizer) {
  Training t;
  t.optimizer = optimizer;
  t.lr = 0.1;
  return t;
}

/// Parameters behind each of the gradients, from (1, 1, ..).
Steps follow(const Training& t, const Steps& gradients) {
  std::vector<double> theta(gradients[0].size(), 1);
  UpdateRule rule(t, static_cast<int64_t>(theta.size()));
  Steps out;
  for (size_t i = 0; i < gradients.size(); ++i) {
    rule.apply(theta, gradients[i], rate_at(t, static_cast<int64_t>(i)));
    out.push_back(theta);
  }
  return out;
}

void expect_near(const Steps& got, const Steps& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    for (size_t k = 0; k < want[i].size(); ++k) {
      EXPECT_NEAR(got[i][k], want[i][k], 1e-12) << "step " << i << " parameter " << k;
    }
  }
}

// v = (1, -2), (1.4, -0.8), (0.26, -0.72)
TEST(IclUpdateRule, HeavyBallByHand) {
  expect_near(follow(training(Optimizer::sgd), {{1, -2}, {0.5, 1}, {-1, 0}}),
              {{0.9, 1.2}, {0.76, 1.28}, {0.734, 1.352}});
}

// m = 0.1, 0.14, 0.026; s = 0.1, 0.115, 0.2035; both divided by 0.1, 0.19, 0.271.
TEST(IclUpdateRule, AdamByHand) {
  expect_near(follow(training(Optimizer::adam), {{1}, {0.5}, {-1}}),
              {{0.900000001}, {0.8052885894085479}, {0.7942170887365918}});
}

TEST(IclUpdateRule, AdamLeavesWhatHasNoGradient) {
  Training t = training(Optimizer::adam);
  t.eps = 0;
  expect_near(follow(t, {{0, 3}, {0, 3}}), {{1, 0.9}, {1, 0.8}});
}

TEST(IclUpdateRule, DecoupledDecay) {
  Training t = training(Optimizer::adamw);
  t.beta2 = 0.99;
  t.weight_decay = 0.5;
  expect_near(follow(t, {{1}, {0.5}, {-1}}),
              {{0.8500000009999998}, {0.7141552019552544}, {0.6673691964023395}});
}

// v = 2, 1.3, -1.83 (with 0.9) and the decay 0.5 theta in the gradient of sgd: v = 1.5, 2.775.
TEST(IclUpdateRule, SignsAndDecayOfTheOthers) {
  expect_near(follow(training(Optimizer::sign), {{2, 0}, {-0.5, 0}, {-3, -1}}),
              {{0.9, 1}, {0.8, 1}, {0.9, 1.1}});
  Training t = training(Optimizer::sgd);
  t.weight_decay = 0.5;
  expect_near(follow(t, {{1}, {1}}), {{0.85}, {0.85 - 0.1 * (0.9 * 1.5 + 1 + 0.425)}});
}

TEST(IclUpdateRule, NormalisedHasStepsOfOneLength) {
  Training t = training(Optimizer::normalised);
  t.momentum = 0;
  expect_near(follow(t, {{3, 4}, {0, -1e-9}, {0, 0}}), {{0.94, 0.92}, {0.94, 1.02}, {0.94, 1.02}});
}

TEST(IclUpdateRule, ClippingKeepsTheDirection) {
  std::vector<double> g{3, -4};
  EXPECT_EQ(clip_norm(g, 1), 5);
  EXPECT_NEAR(g[0], 0.6, 1e-15);
  EXPECT_NEAR(g[1], -0.8, 1e-15);
  std::vector<double> small{0.3, -0.4};
  EXPECT_NEAR(clip_norm(small, 1), 0.5, 1e-15);
  EXPECT_EQ(small, (std::vector<double>{0.3, -0.4}));
  std::vector<double> free{3, -4};
  EXPECT_EQ(clip_norm(free, 0), 5);
  EXPECT_EQ(free, (std::vector<double>{3, -4}));
}

TEST(IclUpdateRule, RateHalves) {
  Training t = training(Optimizer::sgd);
  EXPECT_EQ(rate_at(t, 1000000), 0.1);
  t.halve_every = 100;
  EXPECT_EQ(rate_at(t, 99), 0.1);
  EXPECT_EQ(rate_at(t, 100), 0.05);
  EXPECT_EQ(rate_at(t, 299), 0.025);
  EXPECT_EQ(rate_at(t, int64_t{1} << 40), 0);
}

}  // namespace
}  // namespace weft::icl
