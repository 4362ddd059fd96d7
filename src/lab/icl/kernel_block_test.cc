#include "lab/icl/kernel_block.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "base/buffer.h"
#include "base/random.h"
#include "lab/icl/reference.h"

namespace weft::icl {
namespace {

struct Case {
  int64_t d, n, layers;
  bool tied = false;
};
constexpr Case kCases[] = {{1, 3, 2},   {2, 5, 3}, {3, 4, 4},      {4, 7, 1},
                           {5, 20, 3},  {6, 5, 3}, {8, 11, 2},     {10, 9, 3},
                           {20, 30, 2}, {7, 3, 5}, {5, 6, 3, true}};

template <class T>
class Pack {
 public:
  explicit Pack(const Case& c)
      : layout{c.d, c.n},
        shape{.d = c.d, .n = c.n, .layers = c.layers, .tied = c.tied},
        theta(static_cast<size_t>((c.tied ? 1 : c.layers) * 2 * c.d * c.d)),
        prompts(static_cast<size_t>(layout.entries() * kPack)) {
    const Random parameters(3, "parameters"), numbers(4, "numbers");
    for (size_t i = 0; i < theta.size(); ++i) {
      theta[i] = static_cast<T>(0.4 * parameters.normal(i) / std::sqrt(static_cast<double>(c.d)));
    }
    for (size_t i = 0; i < prompts.size(); ++i) {
      prompts[i] = static_cast<T>(static_cast<float>(numbers.normal(i)));
    }
  }

  struct Result {
    std::vector<T> residual, gradient;  // [kPack], [parameters, kPack]
    bool operator==(const Result& other) const {
      return std::memcmp(residual.data(), other.residual.data(), residual.size() * sizeof(T)) ==
                 0 &&
             std::memcmp(gradient.data(), other.gradient.data(), gradient.size() * sizeof(T)) == 0;
    }
  };
  /// `start` is what the gradient is added to.
  Result run(const PackKernel& kernel, T start = 0) const {
    Result r{std::vector<T>(kPack), std::vector<T>(theta.size() * kPack, start)};
    Buffer scratch(static_cast<size_t>(kernel.scratch(shape) * kPack) * sizeof(T));
    poison(scratch.data(), scratch.size());
    PackCall<T> call{theta.data(), prompts.data(), r.residual.data(), r.gradient.data(),
                     static_cast<T*>(scratch.data())};
    run(kernel, call);
    const std::vector<T> with_gradient = r.residual;
    call.gradient = nullptr;
    run(kernel, call);
    EXPECT_EQ(r.residual, with_gradient);
    return r;
  }

  PromptLayout layout;
  KernelShape shape;
  std::vector<T> theta, prompts;

 private:
  void run(const PackKernel& kernel, const PackCall<T>& call) const {
    if constexpr (sizeof(T) == 4) {
      kernel.run_f32(shape, call);
    } else {
      kernel.run_f64(shape, call);
    }
  }
};

ModelShape model_shape(const Case& c) {
  ModelShape m;
  m.layers = c.layers;
  m.tied = c.tied;
  return m;
}

std::string text(const Case& c) {
  return "d " + std::to_string(c.d) + " n " + std::to_string(c.n) + " L " +
         std::to_string(c.layers) + (c.tied ? " tied" : "");
}

TEST(IclBlockKernel, ResidualIsTheFormula) {
  for (const Case& c : kCases) {
    const Pack<double> pack(c);
    const auto got = pack.run(block_kernel(c.d, best_isa()));
    const auto model = reference::model_of(model_shape(c), c.d, pack.theta);
    for (int lane = 0; lane < kPack; ++lane) {
      const auto prompt = reference::prompt_of(pack.layout, pack.prompts.data(), lane);
      const double want = reference::residual(model, prompt);
      EXPECT_NEAR(got.residual[static_cast<size_t>(lane)], want, 1e-12 * (1 + std::abs(want)))
          << text(c) << " lane " << lane;
    }
  }
}

// Central differences of the literal formula; they agree to about 1e-9 of the gradient's norm.
TEST(IclBlockKernel, GradientIsThatOfTheFormula) {
  for (const Case& c : kCases) {
    if (c.d > 6) continue;  // the literal formula takes its time; larger sizes are compared below
    const Pack<double> pack(c);
    const auto got = pack.run(block_kernel(c.d, best_isa()), 0.5);
    for (const int lane : {0, 11}) {
      const auto prompt = reference::prompt_of(pack.layout, pack.prompts.data(), lane);
      const auto loss = [&](size_t i, double step) {
        std::vector<double> moved = pack.theta;
        moved[i] += step;
        const double e = reference::residual(
            reference::model_of(model_shape(c), c.d, std::span<const double>(moved)), prompt);
        return e * e;
      };
      double square = 0, worst = 0;
      for (size_t i = 0; i < pack.theta.size(); ++i) {
        const double want = (loss(i, 1e-5) - loss(i, -1e-5)) / 2e-5;
        const double have = got.gradient[i * kPack + static_cast<size_t>(lane)] - 0.5;
        square += want * want;
        worst = std::max(worst, std::abs(want - have));
      }
      EXPECT_LE(worst, 1e-7 * std::sqrt(square) + 1e-9) << text(c);
    }
  }
}

template <class T>
void expect_same_bits() {
  for (const Case& c : kCases) {
    const Pack<T> pack(c);
    const auto best = pack.run(block_kernel(c.d, best_isa()));
    for (const Isa isa : isas_here()) {
      EXPECT_EQ(pack.run(block_kernel(c.d, isa)), best) << text(c) << " " << name_of(isa);
      EXPECT_EQ(pack.run(block_kernel(c.d, isa, true)), best) << text(c) << " " << name_of(isa);
    }
  }
}

TEST(IclBlockKernel, SameBitsForEveryInstructionSetAndSize) {
  expect_same_bits<float>();
  expect_same_bits<double>();
}

// 2e-6 of the norm at four layers, whose numbers grow to 1e4; 3e-7 elsewhere.
TEST(IclBlockKernel, FloatsAgreeWithDoubles) {
  for (const Case& c : kCases) {
    Pack<float> narrow(c);
    Pack<double> wide(c);
    for (size_t i = 0; i < wide.theta.size(); ++i) wide.theta[i] = narrow.theta[i];
    const auto got = narrow.run(block_kernel(c.d, best_isa()));
    const auto want = wide.run(block_kernel(c.d, best_isa()));
    double error = 0, norm = 0;
    for (size_t i = 0; i < want.gradient.size(); ++i) {
      error += std::pow(got.gradient[i] - want.gradient[i], 2);
      norm += std::pow(want.gradient[i], 2);
    }
    EXPECT_LT(std::sqrt(error), 1e-5 * std::sqrt(norm)) << text(c);
  }
}

// Along a direction: against differences of gradients, and the gradient itself comes along.
TEST(IclBlockKernel, TangentIsTheDerivativeOfTheGradient) {
  for (const Case& c : kCases) {
    Pack<double> pack(c);
    const PackKernel& kernel = block_kernel(c.d, best_isa());
    const Random numbers(7, "direction");
    std::vector<double> direction(pack.theta.size());
    for (size_t i = 0; i < direction.size(); ++i) direction[i] = numbers.normal(i);
    const auto gradient = pack.run(kernel);
    std::vector<double> with(gradient.gradient.size()), curvature(with.size()), residual(kPack);
    Buffer scratch(static_cast<size_t>(2 * kernel.scratch(pack.shape) * kPack) * sizeof(double));
    kernel.tangent(pack.shape, {{pack.theta.data(), pack.prompts.data(), residual.data(),
                                 with.data(), static_cast<double*>(scratch.data())},
                                direction.data(),
                                curvature.data()});
    EXPECT_EQ(residual, gradient.residual);
    EXPECT_EQ(with, gradient.gradient);
    std::vector<double> moved[2];
    const std::vector<double> theta = pack.theta;
    for (const int side : {0, 1}) {
      for (size_t i = 0; i < theta.size(); ++i) {
        pack.theta[i] = theta[i] + (side == 0 ? -1e-5 : 1e-5) * direction[i];
      }
      moved[side] = pack.run(kernel).gradient;
    }
    double error = 0, norm = 0;
    for (size_t i = 0; i < curvature.size(); ++i) {
      error += std::pow(curvature[i] - (moved[1][i] - moved[0][i]) / 2e-5, 2);
      norm += std::pow(curvature[i], 2);
    }
    EXPECT_LT(std::sqrt(error), 1e-7 * std::sqrt(norm) + 1e-9) << text(c);
  }
}

}  // namespace
}  // namespace weft::icl
