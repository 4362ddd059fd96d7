#include "ops/linear/projection.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/compare.h"
#include "ops/test_support/check_op.h"
#include "ops/test_support/expect_rows.h"

namespace weft {
namespace {

constexpr DType f32 = DType::f32, half = DType::bf16;

TEST(Projection, EveryKernelAgreesWithTheReference) {
  test::expect_rows(check_projection(Runtime::best()));
}

// Panels of bf16 take pairs where the CPU multiplies them; elsewhere weights are widened.
TEST(Projection, WithoutProductsOfPairs) {
  Runtime runtime = Runtime::best();
  if (runtime.isa <= Isa::avx512) GTEST_SKIP() << "as in EveryKernelAgreesWithTheReference";
  runtime.isa = Isa::avx512;
  test::expect_rows(check_projection(runtime));
}

struct Quantised {
  Tensor integers, scales;
};
Quantised quantise(const Tensor& w) {
  Quantised q{Tensor(DType::u8, w.desc().shape), Tensor(f32, {w.desc().shape[0]})};
  quantise_rows(w.view(), static_cast<int8_t*>(q.integers.data()), q.scales.as<float>());
  return q;
}

/// Runs a forward in bf16 with an f32 output.
Tensor widened(int64_t rows, int64_t in_dim, WeightType weights, const std::string& kernel) {
  PlanContext context;
  context.runtime = Runtime::best();
  context.runtime.kernel = kernel;
  context.batch = rows;
  Tensor w = test::random_tensor({Shape{53, in_dim}}, half, "w");
  std::vector<Tensor> in;
  in.push_back(test::random_tensor({Shape{rows, in_dim}}, half, "x"));
  if (weights == WeightType::int8) {
    Quantised q = quantise(w);
    in.push_back(std::move(q.integers));
    in.push_back(std::move(q.scales));
  } else {
    in.push_back(std::move(w));
  }
  RunArgs run;
  run.batch = rows;
  const auto op = make_projection({in_dim, {53}, weights, LinearOutput::f32});
  const test::RunResult result = test::run_op(*op, context, run, in, {}, {}, {});
  EXPECT_EQ(result.fault, "");
  EXPECT_EQ(result.out[0].dtype(), f32);
  return convert(result.out[0].view(), f32);
}

TEST(Projection, WidensItsOutput) {
  for (const WeightType weights : {WeightType::activation, WeightType::int8}) {
    for (const int64_t rows : {2, 3, 5, 16, 20, 32, 70}) {
      for (const int64_t in_dim : {37, 600}) {
        // Many rows of int8 go through weights rounded to bf16.
        const double limit = weights == WeightType::int8 && rows > 32 ? 4e-3 : 1e-6;
        const Tensor got = widened(rows, in_dim, weights, "");
        const Tensor want = widened(rows, in_dim, weights, "ref");
        EXPECT_LT(compare(got.view(), want.view()).error(), limit) << rows << " of " << in_dim;
      }
    }
  }
}

TEST(Quantise, IsWithinHalfAStepAndKeepsTheLargest) {
  const Tensor w = test::random_tensor({Shape{7, 63}}, f32, "w");
  const Quantised q = quantise(w);
  const auto* integers = static_cast<const int8_t*>(q.integers.data());
  for (int64_t o = 0; o < 7; ++o) {
    const float scale = q.scales.as<float>()[o];
    int most = 0;
    for (int64_t i = 0; i < 63; ++i) {
      const int integer = integers[o * 63 + i];
      const float x = w.as<float>()[o * 63 + i];
      most = std::max(most, std::abs(integer));
      EXPECT_LE(std::fabs(x - scale * static_cast<float>(integer)), 0.5001F * scale);
    }
    EXPECT_EQ(most, 127);
  }
}

TEST(Quantise, RowsOfZeroAndOfTinyNumbersStayZero) {
  Tensor w(f32, {3, 2});
  w.as<float>()[2] = 1e-44F;
  w.as<float>()[4] = -2.0F;
  const Quantised q = quantise(w);
  const auto* integers = static_cast<const int8_t*>(q.integers.data());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(integers[i], 0);
  EXPECT_EQ(integers[4], -127);
  EXPECT_EQ(q.scales.as<float>()[0], 0);
  EXPECT_FLOAT_EQ(q.scales.as<float>()[2], 2.0F / 127);
}

TEST(Projection, RefusesWrongShapesTypesAndTraining) {
  PlanContext context;
  context.batch = 4;
  const auto plan = [&](WeightType weights, std::vector<TensorDesc> in) {
    make_projection({8, {6, 5}, weights, LinearOutput::same})->plan(in, context);
  };
  const TensorDesc x{f32, {4, 8}}, a{f32, {6, 8}}, b{f32, {5, 8}};
  const TensorDesc qa{DType::u8, {6, 8}}, qb{DType::u8, {5, 8}}, sa{f32, {6}}, sb{f32, {5}};
  EXPECT_NO_THROW(plan(WeightType::activation, {x, a, b}));
  EXPECT_NO_THROW(plan(WeightType::int8, {x, qa, sa, qb, sb}));
  EXPECT_THROW(plan(WeightType::activation, {x, a}), Error);
  EXPECT_THROW(plan(WeightType::activation, {x, b, a}), Error);
  EXPECT_THROW(plan(WeightType::activation, {x, a, {half, {5, 8}}}), Error);
  EXPECT_THROW(plan(WeightType::activation, {{f32, {4, 7}}, a, b}), Error);
  EXPECT_THROW(plan(WeightType::int8, {x, a, sa, b, sb}), Error);
  EXPECT_THROW(plan(WeightType::int8, {x, qa, sb, qb, sa}), Error);
  context.training = true;
  EXPECT_THROW(plan(WeightType::activation, {x, a, b}), Error);
}

}  // namespace
}  // namespace weft
