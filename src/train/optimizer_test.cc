#include "train/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/compare.h"
#include "base/random.h"

namespace weft {
namespace {

// A matrix that decays, longer than a piece and no multiple of a vector, and a norm that does not.
std::vector<ParameterSpec> specs() {
  ParameterSpec matrix, norm;
  matrix.name = "matrix.weight";
  matrix.shape = {131, 257};
  matrix.group = ParameterGroup::ffn;
  norm.name = "norm.weight";
  norm.shape = {37};
  norm.init = Init::ones;
  norm.decay = false;
  return {matrix, norm};
}

Parameters fresh(WeightCopies copies = WeightCopies::master) {
  Parameters p(specs(), DType::f32, copies);
  p.initialise(3);
  return p;
}

void draw(const ParameterVector& gradients, uint64_t seed, double scale) {
  for (int p = 0; p < gradients.count(); ++p) {
    const Random random(seed, "gradient " + std::to_string(p));
    for (int64_t i = 0; i < gradients.view(p).desc.numel(); ++i) {
      gradients.data(p)[i] = static_cast<float>(scale * random.normal(static_cast<uint64_t>(i)));
    }
  }
}

std::vector<Runtime> runtimes() {
  std::vector<Runtime> out;
  for (const Isa isa : isas_here()) out.push_back({1, isa}), out.push_back({3, isa});
  return out;
}

// The textbook in double: one parameter.
struct Naive {
  std::vector<double> w, m, v;
  explicit Naive(const TensorView& start)
      : m(static_cast<size_t>(start.desc.numel())), v(m.size()) {
    for (const float x : start.span<float>()) w.push_back(x);
  }
  void update(const OptimizerConfig& c, std::span<const float> gradients, int t, double lr,
              double scale, bool decays) {
    for (size_t i = 0; i < w.size(); ++i) {
      const double g = scale * static_cast<double>(gradients[i]);
      if (decays) w[i] -= lr * c.weight_decay * w[i];
      if (c.kind == OptimizerKind::sgd) {
        m[i] = c.momentum * m[i] + g;
        w[i] -= lr * m[i];
        continue;
      }
      m[i] = c.beta1 * m[i] + (1 - c.beta1) * g;
      v[i] = c.beta2 * v[i] + (1 - c.beta2) * g * g;
      const double mean = m[i] / (1 - std::pow(c.beta1, t));
      const double square = v[i] / (1 - std::pow(c.beta2, t));
      w[i] -= lr * mean / (std::sqrt(square) + c.eps);
    }
  }
};

void expect_near_naive(const OptimizerConfig& config, const Runtime& runtime) {
  Parameters parameters = fresh(WeightCopies::master_and_bf16);
  Optimizer optimizer(config, parameters, runtime);
  const ParameterVector gradients(parameters);
  std::vector<Naive> naive{Naive(parameters.master(0)), Naive(parameters.master(1))};
  for (int t = 1; t <= 20; ++t) {
    draw(gradients, static_cast<uint64_t>(t), t % 2 == 0 ? 1 : 1e-4);
    double squares = 0;
    for (int p = 0; p < 2; ++p) {
      for (const float g : gradients.view(p).span<float>()) squares += double{g} * double{g};
    }
    const double norm = optimizer.gradient_norm(gradients);
    EXPECT_NEAR(norm, std::sqrt(squares), 1e-12 * std::sqrt(squares));
    const double scale = config.clip > 0 && norm > config.clip ? config.clip / norm : 1;
    optimizer.update(gradients, t, 0.01, norm);
    for (int p = 0; p < 2; ++p) {
      naive[static_cast<size_t>(p)].update(config, gradients.view(p).span<float>(), t, 0.01, scale,
                                           parameters.spec(p).decay);
    }
  }
  for (int p = 0; p < 2; ++p) {
    Tensor want(DType::f64, parameters.spec(p).shape);
    std::memcpy(want.data(), naive[static_cast<size_t>(p)].w.data(), want.desc().bytes());
    EXPECT_LT(compare(parameters.master(p), want.view()).relative_l2, 2e-6);
  }
  const Tensor rounded = convert(parameters.master(0), DType::bf16);
  EXPECT_TRUE(same_bits(parameters.bf16_copy(0), rounded.view()));
  EXPECT_FALSE(parameters.has_bf16(1));
}

TEST(Optimizer, AdamwIsTheTextbook) {
  for (const Runtime& runtime : runtimes()) expect_near_naive({}, runtime);
}

TEST(Optimizer, AdamwWithoutClippingOrDecay) {
  OptimizerConfig config;
  config.clip = config.weight_decay = 0;
  config.beta1 = 0.5, config.beta2 = 0.999, config.eps = 1e-3;
  for (const Runtime& runtime : runtimes()) expect_near_naive(config, runtime);
}

TEST(Optimizer, SgdIsTheTextbook) {
  OptimizerConfig config;
  config.kind = OptimizerKind::sgd;
  for (const Runtime& runtime : runtimes()) expect_near_naive(config, runtime);
}

// Also the state, after updates on gradients that need clipping.
TEST(Optimizer, NeitherThreadsNorInstructionSetChangeABit) {
  for (const OptimizerKind kind : {OptimizerKind::adamw, OptimizerKind::sgd}) {
    OptimizerConfig config;
    config.kind = kind;
    Parameters first = fresh();
    Optimizer reference(config, first, {1, kBaseIsa});
    const ParameterVector gradients(first);
    for (int t = 1; t <= 3; ++t) {
      draw(gradients, static_cast<uint64_t>(t), 1);
      reference.update(gradients, t, 0.1, reference.gradient_norm(gradients));
    }
    for (const Runtime& runtime : runtimes()) {
      Parameters other = fresh();
      Optimizer optimizer(config, other, runtime);
      for (int t = 1; t <= 3; ++t) {
        draw(gradients, static_cast<uint64_t>(t), 1);
        optimizer.update(gradients, t, 0.1, optimizer.gradient_norm(gradients));
      }
      const auto want = reference.state(), got = optimizer.state();
      ASSERT_EQ(got.size(), want.size());
      for (size_t i = 0; i < want.size(); ++i) {
        EXPECT_TRUE(same_bits(got[i].tensor, want[i].tensor)) << want[i].name;
      }
      EXPECT_TRUE(same_bits(other.master(0), first.master(0)));
      EXPECT_TRUE(same_bits(other.master(1), first.master(1)));
    }
  }
}

TEST(Optimizer, NormShowsWhatIsNotFinite) {
  for (const Runtime& runtime : runtimes()) {
    Parameters parameters = fresh();
    Optimizer optimizer({}, parameters, runtime);
    const ParameterVector gradients(parameters);
    gradients.data(1)[36] = std::nanf("");
    EXPECT_TRUE(std::isnan(optimizer.gradient_norm(gradients)));
    gradients.data(1)[36] = -HUGE_VALF;
    EXPECT_TRUE(std::isinf(optimizer.gradient_norm(gradients)));
    gradients.data(1)[36] = 3e38f;  // its square is no float
    EXPECT_NEAR(optimizer.gradient_norm(gradients), 3e38, 1e32);
  }
}

}  // namespace
}  // namespace weft
