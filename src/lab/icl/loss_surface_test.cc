// Derivatives of the mean loss over prompts: Hessians, their products with vectors, curvature along
// a direction; which coordinates are dead; independence of threads; prompts that overflow.
#include "lab/icl/loss_surface.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "lab/icl/models_test.h"

namespace weft::icl {
namespace {

// `count` prompts of one law of data, with noisy labels, and what lies behind them is NaN.
struct Prompts {
  PromptLayout layout;
  int64_t count;
  std::vector<double> numbers;

  Prompts(PromptLayout of, int64_t prompts, int64_t seed) : layout(of), count(prompts) {
    for (int64_t p = 0; p < set().packs(); ++p) {
      const std::vector<double> pack = test_pack(layout, seed + p);
      numbers.insert(numbers.end(), pack.begin(), pack.end());
    }
    for (int64_t lane = count; lane < set().packs() * kPack; ++lane) {
      for (int64_t e = 0; e < layout.entries(); ++e) at(lane, e) = std::nan("");
    }
  }
  double& at(int64_t prompt, int64_t entry) {
    return numbers[static_cast<size_t>((prompt / kPack * layout.entries() + entry) * kPack +
                                       prompt % kPack)];
  }
  PromptSet set() const { return {layout, count, numbers}; }
};

Runtime one_thread() {
  return {.threads = 1, .isa = best_isa()};
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}
double norm(const std::vector<double>& a) {
  return std::sqrt(dot(a, a));
}

std::vector<double> plus(std::vector<double> a, double t, const std::vector<double>& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += t * b[i];
  return a;
}

std::vector<ModelShape> surface_shapes() {
  return {{},
          {.layers = 2, .heads = 2, .form = Form::full},
          {.form = Form::diag4, .tied = true},
          {.form = Form::gdpp},
          {.form = Form::sparse},
          {.layers = 2, .form = Form::full, .hidden = 6},
          {.layers = 2, .scores = Scores::softmax, .path = Path::literal},
          {.layers = 1, .form = Form::full, .path = Path::literal}};
}

TEST(IclLossSurface, LossAndGradientAreMeansOverPrompts) {
  const Prompts prompts({3, 4}, 37, 1);
  for (const ModelShape& shape : surface_shapes()) {
    SCOPED_TRACE(describe(shape));
    const std::vector<double> theta = test_parameters(shape, 3, 2);
    const LossSurface surface(shape, prompts.set(), one_thread());
    const LossPoint point = surface.at(theta);
    const reference::Model model = reference::model_of(shape, 3, theta);
    const std::vector<double> residuals = surface.residuals(theta);
    double loss = 0;
    for (int64_t p = 0; p < prompts.count; ++p) {
      const double* pack = prompts.numbers.data() + p / kPack * prompts.layout.entries() * kPack;
      const double e = reference::residual(
          model, reference::prompt_of(prompts.layout, pack, static_cast<int>(p % kPack)));
      EXPECT_NEAR(residuals[static_cast<size_t>(p)], e, 1e-12 * (1 + std::abs(e)));
      loss += e * e / static_cast<double>(prompts.count);
    }
    EXPECT_NEAR(point.loss, loss, 1e-12 * loss);
    EXPECT_EQ(point.skipped, 0);
    const std::vector<double> u = test_parameters(shape, 3, 3, 1);
    const double up = surface.at(plus(theta, 1e-6, u)).loss;
    const double down = surface.at(plus(theta, -1e-6, u)).loss;
    EXPECT_NEAR(dot(point.gradient, u), (up - down) / 2e-6, 1e-7 * norm(point.gradient) * norm(u));
  }
}

TEST(IclLossSurface, TheHessianIsSymmetricAndMadeOfItsProducts) {
  const Prompts prompts({4, 5}, 21, 4);
  for (const ModelShape& shape : surface_shapes()) {
    SCOPED_TRACE(describe(shape));
    const std::vector<double> theta = test_parameters(shape, 4, 5);
    const LossSurface surface(shape, prompts.set(), one_thread());
    const Eigen::MatrixXd H = surface.hessian(theta);
    const double size = H.cwiseAbs().maxCoeff();
    EXPECT_EQ(H, H.transpose());
    for (Eigen::Index i = 0; i < H.rows(); ++i) {
      std::vector<double> axis(static_cast<size_t>(H.rows()));
      axis[static_cast<size_t>(i)] = 1;
      const std::vector<double> column = surface.hessian_times(theta, axis);
      for (Eigen::Index j = 0; j < H.rows(); ++j) {  // not made symmetric by anyone
        EXPECT_NEAR(column[static_cast<size_t>(j)], H(j, i), 1e-12 * size);
      }
    }
    const std::vector<double> v = test_parameters(shape, 4, 6, 1);
    const std::vector<double> Hv = surface.hessian_times(theta, v);
    const std::vector<double> up = surface.at(plus(theta, 1e-6, v)).gradient;
    const std::vector<double> difference = plus(up, -1, surface.at(plus(theta, -1e-6, v)).gradient);
    EXPECT_LE(norm(plus(Hv, -1 / 2e-6, difference)), 1e-7 * norm(Hv));
    const LossAlong along = surface.along(theta, v);
    EXPECT_NEAR(along.loss, surface.at(theta).loss, 1e-13 * along.loss);
    EXPECT_NEAR(along.first, dot(surface.at(theta).gradient, v), 1e-12 * size * dot(v, v));
    EXPECT_NEAR(along.second, dot(Hv, v), 1e-12 * size * dot(v, v));
  }
}

// The shape says which coordinates cannot matter; everything else does.
TEST(IclLossSurface, DeadCoordinatesAreExactlyZeroAndNoOthersAre) {
  const Prompts prompts({3, 4}, 16, 7);
  int64_t dead = 0;
  for (const ModelShape& shape : test_shapes()) {
    SCOPED_TRACE(describe(shape));
    const std::vector<double> theta = test_parameters(shape, 3, 8);
    const LossSurface surface(shape, prompts.set(), {});
    const std::vector<double> gradient = surface.at(theta).gradient;
    const Eigen::MatrixXd H = surface.hessian(theta);
    const std::vector<double> v = test_parameters(shape, 3, 9, 1);
    const std::vector<double> Hv = surface.hessian_times(theta, v);
    for (int64_t i = 0; i < surface.parameters(); ++i) {
      const auto at = static_cast<size_t>(i);
      if (surface.layout().dead[at] == 0) {
        EXPECT_NE(Hv[at], 0) << i;
        continue;
      }
      ++dead;
      EXPECT_EQ(gradient[at], 0);
      EXPECT_EQ(Hv[at], 0);
      EXPECT_EQ(H.row(i).cwiseAbs().maxCoeff(), 0);
    }
  }
  EXPECT_GT(dead, 100);
  EXPECT_EQ(layout_of({}, 5).live().size(), 125u);
  EXPECT_EQ(layout_of({}, 5).size, 150);
}

// One layer's loss is a square: its expansion to second order is all of it, and its curvature along
// a direction is the same everywhere.
TEST(IclLossSurface, OfOneBlockLayerIsQuadratic) {
  const Prompts prompts({5, 6}, 40, 10);
  for (const Form form : {Form::block, Form::sparse}) {
    const ModelShape shape{.layers = 1, .form = form};
    const LossSurface surface(shape, prompts.set(), one_thread());
    const std::vector<double> theta = test_parameters(shape, 5, 11);
    const std::vector<double> delta = test_parameters(shape, 5, 12, 2);
    const LossPoint point = surface.at(theta);
    const double bend = dot(delta, surface.hessian_times(theta, delta));
    const double moved = surface.at(plus(theta, 1, delta)).loss;
    EXPECT_NEAR(moved, point.loss + dot(point.gradient, delta) + bend / 2, 1e-13 * moved);
    for (const double t : {-3., 0.5, 7.}) {
      EXPECT_NEAR(surface.along(plus(theta, t, delta), delta).second, bend, 1e-12 * bend);
    }
    // Not so of two layers.
    const LossSurface deep({.layers = 2, .form = form}, prompts.set(), one_thread());
    const std::vector<double> both = test_parameters({.layers = 2, .form = form}, 5, 13);
    const double here = deep.along(both, both).second;
    EXPECT_GT(std::abs(deep.along(plus(both, 1, both), both).second - here), 0.1 * std::abs(here));
  }
}

TEST(IclLossSurface, ThreadsAndInstructionSetsDoNotMatter) {
  const Prompts prompts({5, 4}, 300, 14);
  for (const ModelShape& shape : surface_shapes()) {
    SCOPED_TRACE(describe(shape));
    const std::vector<double> theta = test_parameters(shape, 5, 15);
    const std::vector<double> v = test_parameters(shape, 5, 16, 1);
    const LossSurface one(shape, prompts.set(), {.threads = 1, .isa = best_isa()});
    const LossPoint point = one.at(theta);
    const std::vector<double> Hv = one.hessian_times(theta, v);
    for (const Isa isa : isas_here()) {
      const LossSurface other(shape, prompts.set(), {.threads = 3, .isa = isa});
      EXPECT_EQ(other.at(theta).loss, point.loss);
      EXPECT_EQ(other.at(theta).gradient, point.gradient);
      EXPECT_EQ(other.hessian_times(theta, v), Hv);
      EXPECT_EQ(other.along(theta, v).second, one.along(theta, v).second);
    }
  }
}

TEST(IclLossSurface, PromptsThatOverflowAreSkippedAndCounted) {
  Prompts prompts({3, 4}, 40, 17);
  const ModelShape shape{.layers = 2};
  const std::vector<double> theta = test_parameters(shape, 3, 18);
  Prompts without({3, 4}, 39, 17);  // the same but prompt 39, which is the one that goes
  prompts.at(39, prompts.layout.x(0, 0)) = 1e200;
  const LossSurface got(shape, prompts.set(), one_thread());
  const LossSurface expected(shape, without.set(), one_thread());
  const LossPoint point = got.at(theta);
  EXPECT_EQ(point.skipped, 1);
  EXPECT_EQ(point.loss, expected.at(theta).loss);
  EXPECT_EQ(point.gradient, expected.at(theta).gradient);
  EXPECT_EQ(got.hessian(theta), expected.hessian(theta));
  EXPECT_EQ(got.along(theta, theta).second, expected.along(theta, theta).second);
  EXPECT_EQ(got.along(theta, theta).skipped, 1);
}

TEST(IclLossSurface, EigenvaluesAreThoseOfTheLiveBlock) {
  Eigen::MatrixXd H = Eigen::MatrixXd::Zero(4, 4);
  H(0, 0) = 5;
  H(0, 3) = H(3, 0) = 2;
  H(3, 3) = 2;
  H(1, 1) = 100;
  const std::vector<int64_t> live = {0, 2, 3};
  const Eigen::VectorXd values = live_eigenvalues(H, live);
  ASSERT_EQ(values.size(), 3);
  EXPECT_NEAR(values(0), 0, 1e-14);
  EXPECT_NEAR(values(1), 1, 1e-14);
  EXPECT_NEAR(values(2), 6, 1e-14);
}

TEST(IclLossSurface, RefusesVectorsOfAnotherLength) {
  const Prompts prompts({3, 4}, 16, 19);
  const LossSurface surface({}, prompts.set(), one_thread());
  EXPECT_THROW(surface.at(std::vector<double>(53)), Error);
  EXPECT_THROW(LossSurface({}, {prompts.layout, 17, prompts.numbers}, one_thread()), Error);
}

}  // namespace
}  // namespace weft::icl
