// Every kernel of every form, path and instruction set against the reference: residuals, gradients
// by parameters and by data, tangents and jets.
#include "lab/icl/kernels.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "lab/icl/models_test.h"

namespace weft::icl {
namespace {

double norm(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return std::sqrt(sum);
}

// One lane of [entries, kPack].
std::vector<double> lane_of(const std::vector<double>& numbers, int lane) {
  std::vector<double> out;
  for (size_t i = static_cast<size_t>(lane); i < numbers.size(); i += kPack) {
    out.push_back(numbers[i]);
  }
  return out;
}

// Differences of 1e-7 of the norm; where `expected` is NaN a kink was crossed and nothing is known.
void expect_close(const std::vector<double>& got, const std::vector<double>& expected,
                  double tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  double square = 0, difference = 0;
  size_t known = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(expected[i])) continue;
    ++known;
    square += expected[i] * expected[i];
    difference += (got[i] - expected[i]) * (got[i] - expected[i]);
  }
  EXPECT_GT(2 * known, got.size());
  EXPECT_LE(std::sqrt(difference), tolerance * std::max(1e-3, std::sqrt(square)));
}

std::vector<float> narrowed(const std::vector<double>& v) {
  return {v.begin(), v.end()};
}

TEST(IclKernels, ResidualsAreThoseOfTheReference) {
  for (const PromptLayout layout : {PromptLayout{3, 4}, PromptLayout{5, 6}, PromptLayout{1, 2}}) {
    const std::vector<double> pack = test_pack(layout, 1);
    for (const ModelShape& shape : test_shapes()) {
      SCOPED_TRACE(describe(shape));
      const std::vector<double> theta = test_parameters(shape, layout.d, 2);
      const reference::Model model = reference::model_of(shape, layout.d, theta);
      const Outcome<double> got =
          run_kernel(kernel_for(shape, layout.d, best_isa()), shape, layout, theta, pack);
      for (int lane = 0; lane < kPack; ++lane) {
        const double e =
            reference::residual(model, reference::prompt_of(layout, pack.data(), lane));
        EXPECT_NEAR(got.residual[static_cast<size_t>(lane)], e, 1e-12 * std::max(1., std::abs(e)));
      }
    }
  }
}

TEST(IclKernels, GradientsByParametersAreThoseOfDifferences) {
  for (const PromptLayout layout : {PromptLayout{2, 3}, PromptLayout{5, 3}}) {
    const std::vector<double> pack = test_pack(layout, 3);
    for (const ModelShape& shape : test_shapes()) {
      if (layout.d == 5 && shape.form != Form::full) continue;
      SCOPED_TRACE(describe(shape));
      const std::vector<double> theta = test_parameters(shape, layout.d, 4);
      const Outcome<double> got =
          run_kernel(kernel_for(shape, layout.d, best_isa()), shape, layout, theta, pack);
      const int lane = static_cast<int>(shape.layers + shape.heads);
      const reference::Prompt prompt = reference::prompt_of(layout, pack.data(), lane);
      expect_close(lane_of(got.gradient, lane), difference_gradient(shape, prompt, theta), 1e-7);
    }
  }
}

TEST(IclKernels, GradientsByDataAreThoseOfDifferences) {
  for (const PromptLayout layout : {PromptLayout{2, 3}, PromptLayout{5, 3}}) {
    const std::vector<double> pack = test_pack(layout, 5);
    for (const ModelShape& shape : test_shapes()) {
      SCOPED_TRACE(describe(shape));
      const std::vector<double> theta = test_parameters(shape, layout.d, 6);
      const PackKernel& kernel = wide_kernel_for(shape, layout.d, best_isa());
      const KernelShape sizes = kernel_shape(shape, layout.d, layout.n);
      const Buffer scratch(static_cast<size_t>(kernel.scratch(sizes) * kPack) * sizeof(double));
      std::vector<double> e(kPack), gradient(pack.size());
      kernel.data(sizes, {theta.data(), pack.data(), e.data(), gradient.data(),
                          static_cast<double*>(scratch.data())});
      const int lane = static_cast<int>(7 + shape.layers);
      expect_close(lane_of(gradient, lane),
                   difference_data_gradient(shape, layout, theta, pack, lane), 1e-7);
    }
  }
}

// A direction that leaves the kinks alone for all steps below 1e-5 would be luck: differences of
// analytic gradients along it, at two steps, are only compared where they agree with each other.
TEST(IclKernels, TangentsAreDifferencesOfGradients) {
  const PromptLayout layout{5, 4};
  const std::vector<double> pack = test_pack(layout, 7);
  for (const ModelShape& shape : test_shapes()) {
    SCOPED_TRACE(describe(shape));
    const std::vector<double> theta = test_parameters(shape, layout.d, 8);
    const std::vector<double> direction = test_parameters(shape, layout.d, 9, 1);
    const PackKernel& kernel = kernel_for(shape, layout.d, best_isa());
    const Outcome<double> got = run_tangent(kernel, shape, layout, theta, direction, pack);
    const Outcome<double> plain = run_kernel(kernel, shape, layout, theta, pack);
    EXPECT_EQ(got.residual, plain.residual);
    EXPECT_EQ(got.gradient, plain.gradient);
    const auto moved = [&](double step) {
      std::vector<double> to = theta;
      for (size_t i = 0; i < to.size(); ++i) to[i] += step * direction[i];
      return run_kernel(kernel, shape, layout, to, pack);
    };
    const double h = 2e-6;
    const Outcome<double> up = moved(h), down = moved(-h), up2 = moved(2 * h),
                          down2 = moved(-2 * h);
    int compared = 0;
    for (int lane = 0; lane < kPack; ++lane) {
      std::vector<double> near = lane_of(up.gradient, lane), far = lane_of(up2.gradient, lane);
      const std::vector<double> below = lane_of(down.gradient, lane);
      const std::vector<double> far_below = lane_of(down2.gradient, lane);
      double apart = 0;
      for (size_t i = 0; i < near.size(); ++i) {
        near[i] = (near[i] - below[i]) / (2 * h);
        far[i] = (far[i] - far_below[i]) / (4 * h);
        apart = std::max(apart, std::abs(near[i] - far[i]));
      }
      if (apart > 1e-5 * norm(near)) continue;
      ++compared;
      expect_close(lane_of(got.curvature, lane), near, 1e-6);
    }
    EXPECT_GE(compared, kPack / 2);
  }
}

TEST(IclKernels, JetsAreTangentsTwice) {
  for (const PromptLayout layout : {PromptLayout{5, 4}, PromptLayout{3, 2}}) {
    const std::vector<double> pack = test_pack(layout, 10);
    for (const ModelShape& shape : test_shapes()) {
      SCOPED_TRACE(describe(shape));
      const std::vector<double> theta = test_parameters(shape, layout.d, 11);
      const std::vector<double> u = test_parameters(shape, layout.d, 12, 0.5);
      const Outcome<double> dual =
          run_tangent(kernel_for(shape, layout.d, best_isa()), shape, layout, theta, u, pack);
      const PackKernel& kernel = wide_kernel_for(shape, layout.d, best_isa());
      const KernelShape sizes = kernel_shape(shape, layout.d, layout.n);
      const Buffer scratch(static_cast<size_t>(3 * kernel.scratch(sizes) * kPack) * sizeof(double));
      std::vector<double> e(kPack), first(kPack), second(kPack);
      kernel.jet(sizes, {theta.data(), u.data(), pack.data(), e.data(), first.data(), second.data(),
                         static_cast<double*>(scratch.data())});
      for (size_t lane = 0; lane < kPack; ++lane) {
        double slope = 0, bend = 0, size = 0;
        for (size_t i = 0; i < theta.size(); ++i) {
          slope += dual.gradient[i * kPack + lane] * u[i];
          bend += dual.curvature[i * kPack + lane] * u[i];
          size += std::abs(dual.curvature[i * kPack + lane] * u[i]);
        }
        EXPECT_NEAR(e[lane], dual.residual[lane], 1e-13 * std::max(1., std::abs(e[lane])));
        EXPECT_NEAR(2 * e[lane] * first[lane], slope, 1e-12 * std::max(1., size));
        EXPECT_NEAR(2 * (first[lane] * first[lane] + e[lane] * second[lane]), bend,
                    1e-12 * std::max(1., size));
      }
    }
  }
}

TEST(IclKernels, InstructionSetsGiveTheSameBits) {
  for (const PromptLayout layout : {PromptLayout{5, 5}, PromptLayout{4, 3}}) {
    const std::vector<double> pack = test_pack(layout, 13);
    for (const ModelShape& shape : test_shapes()) {
      SCOPED_TRACE(describe(shape));
      const std::vector<double> theta = test_parameters(shape, layout.d, 14);
      const std::vector<double> u = test_parameters(shape, layout.d, 15, 1);
      const auto run = [&](Isa isa) {
        const PackKernel& kernel = kernel_for(shape, layout.d, isa);
        return std::tuple(run_kernel(kernel, shape, layout, narrowed(theta), narrowed(pack)),
                          run_kernel(kernel, shape, layout, theta, pack),
                          run_tangent(kernel, shape, layout, theta, u, pack));
      };
      const auto best = run(best_isa());
      for (const Isa isa : isas_here()) EXPECT_EQ(run(isa), best) << name_of(isa);
    }
  }
}

TEST(IclKernels, FloatsAgreeWithDoubles) {
  const PromptLayout layout{5, 20};
  const std::vector<double> pack = test_pack(layout, 16);
  for (const ModelShape& shape : test_shapes()) {
    SCOPED_TRACE(describe(shape));
    const std::vector<double> theta = test_parameters(shape, layout.d, 17, 0.15);
    const PackKernel& kernel = kernel_for(shape, layout.d, best_isa());
    const Outcome<double> exact = run_kernel(kernel, shape, layout, theta, pack);
    const Outcome<float> got = run_kernel(kernel, shape, layout, narrowed(theta), narrowed(pack));
    for (int lane = 0; lane < kPack; ++lane) {
      const auto i = static_cast<size_t>(lane);
      EXPECT_NEAR(got.residual[i], exact.residual[i],
                  2e-5 * std::max(1., std::abs(exact.residual[i])));
      if (shape.scores == Scores::relu || shape.hidden > 0) continue;  // kinks
      std::vector<double> wide(got.gradient.begin(), got.gradient.end());
      expect_close(lane_of(wide, lane), lane_of(exact.gradient, lane), 1e-4);
    }
  }
}

// Gradients add to what is there; without a place for them a kernel goes forward only.
TEST(IclKernels, GradientsAddAndMayBeDeclined) {
  const PromptLayout layout{3, 4};
  const std::vector<double> pack = test_pack(layout, 18);
  for (const ModelShape& shape : test_shapes()) {
    SCOPED_TRACE(describe(shape));
    const std::vector<double> theta = test_parameters(shape, layout.d, 19);
    const PackKernel& kernel = kernel_for(shape, layout.d, best_isa());
    const KernelShape sizes = kernel_shape(shape, layout.d, layout.n);
    const Buffer scratch(static_cast<size_t>(kernel.scratch(sizes) * kPack) * sizeof(double));
    const Outcome<double> once = run_kernel(kernel, shape, layout, theta, pack);
    std::vector<double> e(kPack), twice = once.gradient;
    PackCall<double> call = {theta.data(), pack.data(), e.data(), twice.data(),
                             static_cast<double*>(scratch.data())};
    kernel.run_f64(sizes, call);
    for (size_t i = 0; i < twice.size(); ++i) {
      EXPECT_NEAR(twice[i], 2 * once.gradient[i], 1e-13 * std::max(1., std::abs(twice[i])));
    }
    call.gradient = nullptr;
    e.assign(kPack, 0);
    kernel.run_f64(sizes, call);
    EXPECT_EQ(e, once.residual);
  }
}

TEST(IclKernels, GramMatricesHoldNoOtherScores) {
  EXPECT_THROW(kernel_for({.scores = Scores::softmax}, 5, best_isa()), Error);
}

}  // namespace
}  // namespace weft::icl
