#include "lab/icl/objective.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/buffer.h"
#include "lab/icl/kernels.h"
#include "lab/icl/reference.h"

namespace weft::icl {
namespace {

Setting make(const char* name, std::initializer_list<const char*> sets = {}) {
  std::vector<io::Override> overrides;
  for (const char* set : sets) overrides.push_back(io::parse_override(set));
  return load_setting(name, overrides);
}

Runtime runtime(int threads, Isa isa = best_isa()) {
  Runtime rt;
  rt.threads = threads;
  rt.isa = isa;
  return rt;
}

struct Point {
  BatchLoss loss;
  std::vector<double> gradient;
  bool operator==(const Point& other) const {
    return loss.loss == other.loss.loss && loss.skipped == other.loss.skipped &&
           gradient == other.gradient;
  }
};
Point at(const Setting& s, const std::vector<double>& theta, int64_t count, const Runtime& rt) {
  Objective objective(s, rt);
  Point p{{}, std::vector<double>(theta.size(), NAN)};
  p.loss = objective.gradient({5, Purpose::test, 3}, count, theta, p.gradient);
  return p;
}

std::vector<double> parameters(const Setting& s, double scale = 1) {
  std::vector<double> theta = initial_parameters(s.model, s.law.d, 2);
  for (double& x : theta) x *= scale;
  return theta;
}

const Setting kSettings[] = {
    make("default", {"n=9"}),
    make("default", {"precision=f64", "n=9"}),
    make("heavy", {"form=full", "heads=2", "layers=2", "d=3"}),
    make("default", {"attention=softmax", "layers=2", "d=3", "n=6", "precision=f64"}),
    make("nonlinear", {"layers=2", "d=3", "n=6", "hidden=4"}),
    make("mixed-noise", {"d=3", "n=8", "layers=3"})};

/// One kernel call a pack, and each lane by itself: which are finite, and their sums in double.
template <class T>
Point one_by_one(const Setting& s, const std::vector<double>& theta, int64_t count) {
  const Sampler sampler(s.law, best_isa());
  const PackKernel& kernel = kernel_for(s.model, s.law.d, best_isa());
  const KernelShape shape = kernel_shape(s.model, s.law.d, s.law.n);
  const std::vector<T> narrow(theta.begin(), theta.end());
  std::vector<T> prompts(static_cast<size_t>(sampler.layout().entries() * kPack)), residual(kPack);
  std::vector<float> draws(static_cast<size_t>(sampler.scratch()));
  Buffer scratch(static_cast<size_t>(kernel.scratch(shape) * kPack) * sizeof(T));
  Point p{{}, std::vector<double>(theta.size())};
  for (int64_t pack = 0; pack * kPack < count; ++pack) {
    sampler.fill({5, Purpose::test, 3}, pack, prompts.data(), draws.data());
    std::vector<T> gradient(theta.size() * kPack);
    const PackCall<T> call{narrow.data(), prompts.data(), residual.data(), gradient.data(),
                           static_cast<T*>(scratch.data())};
    if constexpr (sizeof(T) == 4) {
      kernel.run_f32(shape, call);
    } else {
      kernel.run_f64(shape, call);
    }
    for (int64_t lane = 0; lane < std::min<int64_t>(kPack, count - pack * kPack); ++lane) {
      const double e = residual[static_cast<size_t>(lane)];
      bool finite = std::isfinite(e * e);
      const auto g = [&](size_t i) {
        return static_cast<double>(gradient[i * kPack + static_cast<size_t>(lane)]);
      };
      for (size_t i = 0; i < theta.size(); ++i) finite = finite && std::isfinite(g(i));
      p.loss.skipped += !finite;
      if (!finite) continue;
      p.loss.loss += e * e;
      for (size_t i = 0; i < theta.size(); ++i) p.gradient[i] += g(i);
    }
  }
  const auto n = static_cast<double>(count - p.loss.skipped);
  p.loss.loss /= n;
  for (double& g : p.gradient) g /= n;
  return p;
}

void expect_close(const Point& got, const Point& want, double tolerance) {
  EXPECT_EQ(got.loss.skipped, want.loss.skipped);
  EXPECT_NEAR(got.loss.loss, want.loss.loss, 1e-12 * want.loss.loss);
  double error = 0, norm = 0;
  for (size_t i = 0; i < want.gradient.size(); ++i) {
    error += std::pow(got.gradient[i] - want.gradient[i], 2);
    norm += std::pow(want.gradient[i], 2);
  }
  EXPECT_LE(std::sqrt(error), tolerance * std::sqrt(norm));
  EXPECT_GT(norm, 0);
}

Point expected(const Setting& s, const std::vector<double>& theta, int64_t count) {
  return s.training.precision == Precision::f32 ? one_by_one<float>(s, theta, count)
                                                : one_by_one<double>(s, theta, count);
}

// Lanes are summed in the precision of the run, over 8 packs: 2e-6 of the norm in floats.
TEST(IclObjective, IsTheMeanOverItsPrompts) {
  for (const Setting& s : kSettings) {
    const std::vector<double> theta = parameters(s, 4);
    for (const int64_t count : {1, 37, 400}) {
      const double tolerance = s.training.precision == Precision::f32 ? 2e-6 : 1e-13;
      expect_close(at(s, theta, count, runtime(1)), expected(s, theta, count), tolerance);
    }
  }
}

TEST(IclObjective, ThreadsAndInstructionSetsChangeNoBit) {
  for (const Setting& s : kSettings) {
    const std::vector<double> theta = parameters(s, 4);
    const Point want = at(s, theta, 300, runtime(1));
    EXPECT_EQ(at(s, theta, 300, runtime(3)), want);
    for (const Isa isa : isas_here()) {
      EXPECT_EQ(at(s, theta, 300, runtime(2, isa)), want) << name_of(isa);
    }
  }
}

// More chunks than are kept at once.
TEST(IclObjective, ManyPrompts) {
  const Setting s = make("default", {"d=2", "n=3", "layers=2"});
  const std::vector<double> theta = parameters(s);
  const Point want = at(s, theta, 40001, runtime(1));
  EXPECT_EQ(at(s, theta, 40001, runtime(2)), want);
  expect_close(want, expected(s, theta, 40001), 2e-6);
}

// Heavy tails and large parameters: floats overflow in some prompts, and these alone are left out.
TEST(IclObjective, SkipsWhatIsNotFinite) {
  const Setting s = make("heavy", {"layers=4"});
  std::vector<double> theta = parameters(s, 20);
  const Point got = at(s, theta, 1000, runtime(1));
  EXPECT_GT(got.loss.skipped, 5);
  EXPECT_LT(got.loss.skipped, 500);
  for (const double g : got.gradient) ASSERT_TRUE(std::isfinite(g));
  expect_close(got, expected(s, theta, 1000), 1e-5);
  EXPECT_EQ(at(s, theta, 1000, runtime(2)), got);

  for (double& x : theta) x = 1e38;
  const Point none = at(s, theta, 100, runtime(1));
  EXPECT_EQ(none.loss.skipped, 100);
  EXPECT_TRUE(std::isnan(none.loss.loss));
  EXPECT_EQ(none.gradient, std::vector<double>(theta.size()));
}

TEST(IclObjective, ResidualsOfABatchAreTheFormula) {
  for (const Setting& s : kSettings) {
    const std::vector<double> theta = parameters(s, 4);
    Objective objective(s, runtime(2));
    const PromptBatch batch(Sampler(s.law, best_isa()), {9, Purpose::evaluation, 0}, 21);
    std::vector<double> residuals(21);
    objective.residuals(batch, theta, residuals);
    const auto model = reference::model_of(s.model, s.law.d, theta);
    for (int64_t i = 0; i < 21; ++i) {
      const auto prompt =
          reference::prompt_of(batch.layout(), batch.pack(i / kPack), static_cast<int>(i % kPack));
      const double want = reference::residual(model, prompt);
      EXPECT_NEAR(residuals[static_cast<size_t>(i)], want, 1e-11 * (1 + std::abs(want)));
    }
  }
}

TEST(IclLossStatistics, ByHand) {
  // Squares 1, 4, 9, 100; the 99 % quantile lies 0.97 of the way from 9 to 100.
  const LossStatistics s = loss_statistics(std::vector<double>{1, -3, 2, NAN, -10, INFINITY});
  EXPECT_EQ(s.skipped, 2);
  EXPECT_NEAR(s.mean, 28.5, 1e-12);
  EXPECT_NEAR(s.median, 6.5, 1e-12);
  EXPECT_NEAR(s.clipped_mean, (1 + 4 + 9 + 9 + 0.97 * 91) / 4, 1e-12);
  EXPECT_TRUE(std::isnan(loss_statistics(std::vector<double>{NAN}).median));
}

}  // namespace
}  // namespace weft::icl
