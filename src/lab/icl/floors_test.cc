// The floors of many layers against the published tables, and against each other.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/error.h"
#include "lab/icl/descent_floor.h"
#include "lab/icl/gdpp_floor.h"

namespace weft::icl {
namespace {

struct Row {
  int64_t d, n;
  double floor[4];
  std::vector<double> two, three;
};
const Row kRows[] = {{5,
                      20,
                      {1.153846, .36123969, .13360843, .05495256},
                      {1.249572, .515371},
                      {1.714217, .689126, .422409}},
                     {5,
                      5,
                      {2.727273, 1.99374162, 1.62029561, 1.39194170},
                      {.804437, .263959},
                      {1.231865, .363031, .193459}},
                     {20,
                      60,
                      {5.185185, 1.70426523, .61479184, .23548755},
                      {1.296188, .508634},
                      {1.888550, .717893, .443549}}};

TEST(IclDescentFloor, PublishedTable) {
  for (const Row& row : kRows) {
    for (int steps = 1; steps <= 4; ++steps) {
      const double digits = steps == 1 ? 5e-7 : 5e-9;
      EXPECT_NEAR(descent_floor(row.d, row.n, steps).loss, row.floor[steps - 1], digits);
    }
    for (const std::vector<double>& rates : {row.two, row.three}) {
      const DescentFloor floor = descent_floor(row.d, row.n, static_cast<int>(rates.size()));
      for (size_t l = 0; l < rates.size(); ++l) EXPECT_NEAR(floor.rates[l], rates[l], 5.1e-7);
    }
  }
}

// The rates, put back into the product of steps, give the floor; any others give more.
TEST(IclDescentFloor, RatesReachItAndNothingElseDoes) {
  for (const double noise : {0.0, 0.05, 0.5}) {
    for (const int steps : {1, 2, 3, 5, 9}) {
      const DescentFloor floor = descent_floor(5, 20, steps, noise);
      if (floor.rates.empty()) continue;
      EXPECT_NEAR(descent_loss(5, 20, floor.rates, noise) / floor.loss, 1, 1e-9) << steps;
      for (size_t l = 0; l < floor.rates.size(); ++l) {
        for (const double factor : {0.97, 1.03}) {
          std::vector<double> moved = floor.rates;
          moved[l] *= factor;
          EXPECT_GT(descent_loss(5, 20, moved, noise), floor.loss);
        }
      }
    }
  }
}

// With noise the best polynomial need not be a product of real steps: then there are no rates, and
// the loss is a bound below what steps reach.
TEST(IclDescentFloor, NoiseCanMakeTheStepsComplex) {
  for (const int steps : {1, 2, 3, 5, 9}) {
    EXPECT_EQ(descent_floor(5, 20, steps).rates.size(), static_cast<size_t>(steps));
  }
  int complex = 0;
  for (const int steps : {2, 3, 5, 9}) {
    const DescentFloor floor = descent_floor(5, 20, steps, 0.5);
    complex += floor.rates.empty();
    EXPECT_LE(floor.loss, tied_descent_floor(5, 20, steps, 0.5).loss);
  }
  EXPECT_GT(complex, 0);
}

TEST(IclDescentFloor, OneStepIsTheMinimumOfOneLayer) {
  // a = 1 / [(n + 1) / n + (d + noise) / n], loss = d - d a.
  for (const double noise : {0.0, 0.25, 9.0}) {
    const double a = 1 / (21.0 / 20 + (10 + noise) / 20);
    const DescentFloor floor = descent_floor(10, 20, 1, noise);
    EXPECT_NEAR(floor.rates[0], a, 1e-14);
    EXPECT_NEAR(floor.loss, 10 - 10 * a, 1e-13);
    EXPECT_NEAR(tied_descent_floor(10, 20, 1, noise).loss, floor.loss, 1e-12);
  }
}

// Two layers trained on the exact loss by plain descent, gradients by differences.
TEST(IclDescentFloor, TrainingReachesIt) {
  std::vector<double> a = {1, .5};
  const double h = 1e-5;
  for (int step = 0; step < 400; ++step) {
    std::vector<double> slope(2);
    for (size_t l = 0; l < 2; ++l) {
      std::vector<double> up = a, down = a;
      up[l] += h;
      down[l] -= h;
      slope[l] = (descent_loss(5, 20, up) - descent_loss(5, 20, down)) / (2 * h);
    }
    for (size_t l = 0; l < 2; ++l) a[l] -= 0.05 * slope[l];
  }
  const DescentFloor floor = descent_floor(5, 20, 2);
  EXPECT_NEAR(descent_loss(5, 20, a), floor.loss, 1e-8);
  EXPECT_NEAR(a[0], floor.rates[0], 1e-4);
}

TEST(IclDescentFloor, LoopingOneLayerCosts) {
  for (const int steps : {2, 3, 6}) {
    const DescentFloor tied = tied_descent_floor(5, 20, steps), free = descent_floor(5, 20, steps);
    EXPECT_GT(tied.loss, free.loss);
    EXPECT_LT(tied.loss, descent_floor(5, 20, 1).loss);
    for (const double factor : {0.99, 1.01}) {
      std::vector<double> moved = tied.rates;
      for (double& a : moved) a *= factor;
      EXPECT_GT(descent_loss(5, 20, moved), tied.loss);
    }
  }
}

TEST(IclDescentFloor, RefusesWhatItCannotCompute) {
  EXPECT_THROW(descent_floor(5, 20, 0), Error);
  EXPECT_THROW(descent_floor(5, 20, kMaxFloorSteps + 1), Error);
  EXPECT_THROW(descent_loss(5, 20, {}), Error);
  EXPECT_THROW(GdppLoss(5, 20, kMaxGdppLayers + 1), Error);
  EXPECT_THROW(GdppLoss(5, 20, 2).descend({{.5}, {}}), Error);
}

TEST(IclGdppFloor, TwoLayersFromANearStart) {
  const GdppLoss loss(5, 20, 2);
  const GdppLoss::Found found = loss.descend({{.5, 3.5}, {.9}});
  EXPECT_NEAR(found.loss, 0.057501, 5e-7);
  EXPECT_NEAR(found.parameters.a[0], .51676, 5e-6);
  EXPECT_NEAR(found.parameters.a[1], 3.47466, 5e-6);
  EXPECT_NEAR(found.parameters.b[0], .86846, 5e-6);
  EXPECT_DOUBLE_EQ(loss(found.parameters), found.loss);
}

// The second basin, in which constant rates end.
TEST(IclGdppFloor, TwoLayersHaveAnotherBasin) {
  const GdppLoss::Found found = GdppLoss(5, 20, 2).descend({{.76, 2.6}, {.35}});
  EXPECT_NEAR(found.loss, 0.086548, 5e-7);
  EXPECT_NEAR(found.parameters.a[0], .76932, 5e-6);
  EXPECT_NEAR(found.parameters.a[1], 2.64395, 6e-6);
  EXPECT_NEAR(found.parameters.b[0], .35345, 6e-6);
  // Trained networks read .0867 at a = .765, 2.631, a_0 b_0 = .269: a point on the valley's side.
  EXPECT_NEAR(GdppLoss(5, 20, 2)({{.765, 2.631}, {.269 / .765}}), .0867, 5e-5);
}

TEST(IclGdppFloor, SearchesFindThePublishedOnes) {
  EXPECT_NEAR(gdpp_floor(5, 20, 2).loss, 0.057501, 5e-7);
  const GdppLoss::Found few = gdpp_floor(5, 5, 2);
  EXPECT_NEAR(few.loss, 1.413210, 5e-7);
  EXPECT_NEAR(few.parameters.a[0], .45697, 5e-6);
  EXPECT_NEAR(few.parameters.a[1], 2.14591, 5e-6);
  EXPECT_NEAR(few.parameters.b[0], .37178, 5e-6);
}

TEST(IclGdppFloor, ThreeLayers) {
  const GdppLoss::Found found = GdppLoss(5, 20, 3).descend({{.33, 2.1, 8.5}, {.88, .58}});
  EXPECT_NEAR(found.loss, 0.000961, 5e-7);
  const double a[] = {.33830, 2.09084, 8.56806}, b[] = {.87758, .57816};
  for (size_t l = 0; l < 3; ++l) EXPECT_NEAR(found.parameters.a[l], a[l], 6e-6) << l;
  for (size_t l = 0; l < 2; ++l) EXPECT_NEAR(found.parameters.b[l], b[l], 6e-6) << l;
}

TEST(IclGdppFloor, ThreeLayersOfFewExamples) {
  EXPECT_NEAR(gdpp_floor(5, 5, 3, 0).loss, 0.768887, 5e-7);
}

TEST(IclGdppFloor, WithoutBItIsGradientDescent) {
  const std::vector<double> rates = {1.7, .7, .42};
  EXPECT_NEAR(GdppLoss(5, 20, 3)({rates, {0, 0}}), descent_loss(5, 20, rates), 1e-13);
}

TEST(IclGdppFloor, NeverBelowTheBestPolynomialOfItsDegree) {
  for (const int64_t n : {5, 20}) {
    const double two = GdppLoss(5, n, 2).descend({{.5, 3}, {.6}}).loss;
    EXPECT_GE(two, descent_floor(5, n, 4).loss);
    EXPECT_LE(two, descent_floor(5, n, 2).loss);
  }
  const double three = GdppLoss(5, 20, 3).descend({{.33, 2.1, 8.5}, {.88, .58}}).loss;
  EXPECT_GE(three, descent_floor(5, 20, 13).loss);
}

}  // namespace
}  // namespace weft::icl
