#include "ops/linear/linear.h"

#include <gtest/gtest.h>

#include "base/compare.h"
#include "ops/test_support/check_op.h"
#include "ops/test_support/expect_rows.h"

namespace weft {
namespace {

TEST(Linear, EveryKernelAgreesWithTheReference) {
  test::expect_rows(check_linear(Runtime::best()));
}

/// Runs a forward in bf16 with an f32 output.
Tensor widened(int64_t rows, const std::string& kernel) {
  PlanContext context;
  context.runtime = Runtime::best();
  context.runtime.kernel = kernel;
  context.batch = rows;
  const Tensor in[] = {test::random_tensor({Shape{rows, 37}}, DType::bf16, "x"),
                       test::random_tensor({Shape{53, 37}}, DType::bf16, "w")};
  RunArgs run;
  run.batch = rows;
  const auto op = make_linear(37, 53, LinearOutput::f32);
  const test::RunResult result = test::run_op(*op, context, run, in, {}, {}, {});
  EXPECT_EQ(result.fault, "");
  EXPECT_EQ(result.out[0].dtype(), DType::f32);
  return convert(result.out[0].view(), DType::f32);
}

TEST(Linear, WidensItsOutput) {
  for (const int64_t rows : {3, 4, 5, 70}) {
    const Tensor got = widened(rows, ""), want = widened(rows, "ref");
    EXPECT_LT(compare(got.view(), want.view()).error(), 1e-6) << rows;
  }
}

TEST(Linear, RefusesWrongShapes) {
  PlanContext context;
  context.batch = 4;
  const auto plan = [&](DType x, Shape xs, DType w, Shape ws, LinearOutput output) {
    const TensorDesc in[] = {{x, xs}, {w, ws}};
    make_linear(8, 6, output)->plan(in, context);
  };
  constexpr DType f32 = DType::f32, half = DType::bf16;
  EXPECT_NO_THROW(plan(f32, {4, 8}, f32, {6, 8}, LinearOutput::same));
  EXPECT_THROW(plan(f32, {4, 7}, f32, {6, 8}, LinearOutput::same), Error);
  EXPECT_THROW(plan(f32, {4, 8}, f32, {5, 8}, LinearOutput::same), Error);
  EXPECT_THROW(plan(f32, {4, 8}, half, {6, 8}, LinearOutput::same), Error);
  context.training = true;
  EXPECT_THROW(plan(half, {4, 8}, half, {6, 8}, LinearOutput::f32), Error);
}

}  // namespace
}  // namespace weft
