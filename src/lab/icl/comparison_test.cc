#include "lab/icl/comparison.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lab/icl/descent_floor.h"
#include "lab/icl/layout.h"
#include "lab/icl/oracle_groups.h"

namespace weft::icl {
namespace {

Setting of_form(Form form, int64_t layers) {
  Setting s;
  s.model.form = form;
  s.model.layers = layers;
  return s;
}

void expect_descent(const Setting& s, std::span<const double> theta) {
  const std::optional<DescentComparison> c = compare_with_descent(s, theta, 40);
  ASSERT_TRUE(c);
  EXPECT_NEAR(c->agreement.prediction_difference, 0, 1e-12);
  EXPECT_NEAR(c->agreement.model_difference, 0, 1e-12);
  EXPECT_NEAR(c->agreement.cosine, 1, 1e-5);
}

// The best steps in any order, written into the parameters of a model, are gradient descent.
TEST(IclComparison, ConstructedModelsAreTheirDescent) {
  const std::vector<double> rates = descent_floor(5, 20, 3).rates;
  const std::vector<double> other = {rates[2], rates[0], rates[1]};
  const Setting gdpp = of_form(Form::gdpp, 3);
  const std::vector<double> theta = gdpp_parameters(other, {});
  expect_descent(gdpp, theta);
  const GdppReading reading = *compare_with_descent(gdpp, theta, 1)->reading;
  ASSERT_EQ(reading.a.size(), 3u);
  ASSERT_EQ(reading.b.size(), 2u);
  for (size_t l = 0; l < 3; ++l) EXPECT_NEAR(reading.a[l], other[l], 1e-13);
  EXPECT_EQ(reading.b[1], 0);

  // In other coordinates: multiples of Sigma^-1.
  Setting whitened = of_form(Form::block, 3);
  whitened.law.covariance = stretched_law().covariance;
  whitened.law.whitened_weights = true;
  const Matrix inverse = covariance_of(whitened.law).inverse();
  std::vector<Matrix> q;
  for (const double a : other) q.push_back(-a * inverse);
  expect_descent(whitened, block_parameters(q));
  EXPECT_NEAR(compare_with_descent(whitened, block_parameters(q), 1)->reading->a[1], other[1],
              1e-12);
}

TEST(IclComparison, OneLayerHasTheMinimumOfItsForm) {
  Setting s = of_form(Form::block, 1);
  s.law = stretched_law();
  const std::vector<Matrix> q = {closed_minimiser(population_of(s.law))};
  expect_descent(s, block_parameters(q));
  s.model.form = Form::gdpp;
  const std::vector<double> a = {-closed_minimiser_scalar(population_of(s.law))(0, 0)};
  expect_descent(s, gdpp_parameters(a, {}));
}

TEST(IclComparison, LoopedLayersHaveOneStepSize) {
  Setting s = of_form(Form::sparse, 2);
  s.model.tied = true;
  const double a = tied_descent_floor(5, 20, 2).rates[0];
  std::vector<double> theta(25, 0.0);
  for (size_t i = 0; i < 5; ++i) theta[6 * i] = -a;
  expect_descent(s, theta);
}

TEST(IclComparison, TellsWhatIsNotDescent) {
  const Setting s = of_form(Form::block, 3);
  const std::vector<double> theta = initial_parameters(s.model, 5, 1);
  const DescentComparison c = *compare_with_descent(s, theta, 100);
  EXPECT_GT(c.agreement.prediction_difference, 0.3);
  EXPECT_GT(c.agreement.model_difference, 0.3);
  EXPECT_LT(c.agreement.cosine, 0.9);
  EXPECT_GT(c.reading->distance_q[0], 0.5);
}

TEST(IclComparison, WhereTheBestStepsAreNotKnown) {
  const auto known = [](const Setting& s) {
    return !comparison_of(s, initial_parameters(s.model, s.law.d, 1)).is_null();
  };
  Setting heavy = of_form(Form::block, 2);
  heavy.law.covariates = Covariates::gamma;
  EXPECT_FALSE(known(heavy));
  heavy.model.layers = 1;
  EXPECT_TRUE(known(heavy));
  Setting stretched = of_form(Form::gdpp, 2);
  stretched.law.covariance = stretched_law().covariance;
  stretched.law.whitened_weights = true;
  EXPECT_FALSE(known(stretched));
  Setting softmax = of_form(Form::block, 1);
  softmax.model.scores = Scores::softmax;
  EXPECT_FALSE(known(softmax));
  Setting mlp = of_form(Form::full, 1);
  mlp.law.teacher = Teacher::mlp;
  EXPECT_FALSE(known(mlp));
  Setting heads = of_form(Form::full, 2);
  heads.model.heads = 2;
  const nlohmann::json two = comparison_of(heads, initial_parameters(heads.model, 5, 1));
  EXPECT_TRUE(two.contains("cosine"));
  EXPECT_FALSE(two.contains("reading"));
}

}  // namespace
}  // namespace weft::icl
