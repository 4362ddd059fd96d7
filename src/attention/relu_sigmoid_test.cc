// Rectified linear and sigmoid attention: the formulas by hand, and scores of every size.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "attention/fixture_test.h"
#include "ops/gated_norm/gated_norm.h"
#include "ops/test_support/run_op.h"

namespace weft::test {
namespace {

Case scored_under(const std::string& mechanism, int64_t time,
                  std::map<std::string, Arg> args = {}) {
  Case c = scored(time);
  c.mechanism = mechanism;
  c.args = std::move(args);
  return c;
}

TEST(Relu, ByHand) {
  for (const DType type : {DType::f64, DType::f32, DType::bf16}) {
    Case c = scored_under("relu", 4);
    c.type = type;
    Values x = with_scores(c, {-2, 0.5, 0, 3});
    x.v = {1, 2, 4, 8};
    x.dx = {1, 1, 1, 1};
    const Outcome r = attend(c, x);
    EXPECT_EQ(r.o, (Array{0, 1, 1, 25}));
    EXPECT_EQ(r.dv, (Array{0, 1.5, 0, 3}));
    // dz = do.v where z > 0, over the rows that see the key.
    EXPECT_EQ(r.dk, (Array{0, 6, 0, 8}));
    EXPECT_EQ(r.dq, (Array{0, 1, 1, 25}));
  }
}

// All scores at or below 0: the attention gives 0, and the normalisation keeps it.
TEST(Relu, ClosedRowsAreExactlyZero) {
  for (const DType type : {DType::f64, DType::f32, DType::bf16}) {
    Case c{.time = 100, .heads = 2, .kv_heads = 1, .mechanism = "relu", .type = type};
    Values x = random_values(c);
    for (double& q : x.q) q = std::abs(q);
    for (double& k : x.k) k = -std::abs(k);
    const Outcome r = attend(c, x);
    EXPECT_EQ(r.o, Array(r.o.size(), 0));
    EXPECT_EQ(error(r.dq, Array(r.dq.size(), 0)), 0);
    EXPECT_EQ(error(r.dk, Array(r.dk.size(), 0)), 0);
    EXPECT_EQ(error(r.dv, Array(r.dv.size(), 0)), 0);
    PlanContext context;
    context.runtime = Runtime::best();
    std::vector<Tensor> in;
    in.emplace_back(type, Shape{1, 16});
    for (int n = 0; n < 2; ++n) {
      in.emplace_back(type == DType::f64 ? DType::f64 : DType::f32, Shape{16});
    }
    for (int64_t i = 0; i < 16; ++i) {
      set(in[0].view(), i, r.o[size_t(i)]);
      set(in[1].view(), i, 1), set(in[2].view(), i, 0.5);
    }
    const RunResult y = run_op(*make_gated_norm(16), context, {}, in, {}, {}, {});
    for (int64_t i = 0; i < 16; ++i) EXPECT_EQ(get(y.out[0].view(), i), 0);
  }
}

TEST(Relu, OutputsGrowWithTheScores) {
  Case c{.time = 60, .mechanism = "relu", .scale = 0.25, .type = DType::f64};
  const Values x = random_values(c);
  const Array before = attend(c, x).o;
  c.scale = 0.75;
  Array want = before;
  for (double& o : want) o *= 3;
  EXPECT_LT(error(attend(c, x).o, want), 1e-14);
}

TEST(Sigmoid, ByHand) {
  const Array z = {-2, 0.5, 3};
  for (const double bias : {0., -1.5}) {
    for (const bool normalise : {false, true}) {
      Case c = scored_under("sigmoid", 3, {{"normalise", normalise}, {"bias", bias}});
      for (const DType type : {DType::f64, DType::f32}) {
        c.type = type;
        const double limit = type == DType::f64 ? 1e-14 : 1e-6;
        Values x = with_scores(c, z);
        x.v = {1, 2, 4};
        x.dx = {0, 0, 1};
        const Outcome r = attend(c, x);
        double sum = 0, o = 0;
        for (size_t j = 0; j < 3; ++j) {
          sum += sigmoid(z[j] + bias);
          o += sigmoid(z[j] + bias) * x.v[j];
        }
        const double factor = normalise ? 1 / sum : 1;
        EXPECT_NEAR(r.o[2], factor * o, 4 * limit);
        for (size_t j = 0; j < 3; ++j) {
          const double b = sigmoid(z[j] + bias);
          EXPECT_NEAR(r.dv[j], factor * b, limit);
          const double mean = normalise ? factor * o : 0;
          EXPECT_NEAR(r.dk[j], factor * b * (1 - b) * (x.v[j] - mean), 4 * limit);
        }
      }
    }
  }
}

// Rows of which no gate opens at all: weights 0, also where they are divided by their sum, and no
// gradient.
TEST(Sigmoid, ClosedRowsAreZero) {
  for (const bool normalise : {false, true}) {
    for (const DType type : {DType::f64, DType::f32, DType::bf16}) {
      Case c = scored_under("sigmoid", 100, {{"normalise", normalise}});
      c.type = type;
      const Outcome r = attend(c, with_scores(c, Array(100, -1e4)));
      for (const Array* a : {&r.o, &r.dq, &r.dk, &r.dv}) {
        EXPECT_EQ(error(*a, Array(a->size(), 0)), 0);
      }
    }
  }
}

TEST(ReluSigmoid, ScoresOfEverySize) {
  const double all[] = {1e4, 100, 30, 11, 1, 0, -0., 1e-30, -1e-30, -1, -11, -30, -80, -1e4};
  for (const auto& [base, trace] : variants(scored(300, 3))) {
    if (base.mechanism != "relu" && base.mechanism != "sigmoid") continue;
    SCOPED_TRACE(trace);
    Array z;
    for (size_t j = 0; j < 300; ++j) z.push_back(double(float(all[(j * j + 3 * j / 2) % 14])));
    const Values x = with_scores(base, z);
    Case exact = base;
    exact.type = DType::f64;
    const Outcome want = attend(exact, x), got = attend(base, x);
    EXPECT_LT(error(got.o, want.o), 2e-6);
    EXPECT_LT(error(got.dq, want.dq), 5e-6);
    EXPECT_LT(error(got.dk, want.dk), 5e-6);
    EXPECT_LT(error(got.dv, want.dv), 5e-6);
  }
}

// Small gates keep their relative accuracy: all of them at sigmoid(-60) = 9e-27.
TEST(Sigmoid, SmallGatesAreNormalisedExactly) {
  Case c = scored_under("sigmoid", 200, {{"normalise", true}});
  const Values x = with_scores(c, Array(200, -60));
  double mean = 0;
  for (const double v : x.v) mean += v / 200;
  EXPECT_NEAR(attend(c, x).o.back(), mean, 1e-6);
}

}  // namespace
}  // namespace weft::test
