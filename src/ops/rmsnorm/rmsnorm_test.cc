#include "ops/rmsnorm/rmsnorm.h"

#include "base/error.h"
#include "ops/test_support/check_op.h"
#include "ops/test_support/expect_rows.h"

namespace weft {
namespace {

TEST(Rmsnorm, EveryKernel) {
  test::expect_rows(check_rmsnorm(Runtime::best()));
}

TEST(Rmsnorm, HasUnitMeanSquare) {
  PlanContext context;
  context.runtime = Runtime::best();
  std::vector<Tensor> in;
  in.push_back(test::random_tensor({{1, 100}, test::Role::activation, 5}, DType::f32, "x"));
  in.emplace_back(DType::f32, Shape{100});
  for (float& g : in[1].span<float>()) g = 1;
  const auto result = test::run_op(*make_rmsnorm(100), context, {}, in, {}, {}, {});
  double squares = 0;
  for (const float y : result.out[0].span<float>()) squares += double(y) * double(y);
  EXPECT_NEAR(squares / 100, 1, 1e-5);
}

TEST(Rmsnorm, RefusesWhatDoesNotFit) {
  PlanContext context;
  const TensorDesc x{DType::f32, {4, 8}}, gain{DType::f32, {8}}, other{DType::bf16, {8}};
  const auto plan = [&](TensorDesc a, TensorDesc b) {
    const TensorDesc in[] = {a, b};
    make_rmsnorm(8)->plan(in, context);
  };
  EXPECT_NO_THROW(plan(x, gain));
  EXPECT_THROW(plan(x, other), Error);
  EXPECT_THROW(plan(gain, gain), Error);
  EXPECT_THROW(plan({DType::f32, {4, 9}}, gain), Error);
  EXPECT_THROW(make_rmsnorm(0), Error);
  EXPECT_THROW(make_rmsnorm(8, 0), Error);
}

}  // namespace
}  // namespace weft
