#include "ops/softmax_gain/softmax_gain.h"

#include "base/error.h"
#include "ops/test_support/check_op.h"
#include "ops/test_support/expect_rows.h"

namespace weft {
namespace {

TEST(SoftmaxGain, EveryKernel) {
  test::expect_rows(check_softmax_gain(Runtime::best()));
}

TEST(SoftmaxGain, EqualLogitsShareTheFactor) {
  PlanContext context;
  context.runtime = Runtime::best();
  std::vector<Tensor> in;
  in.emplace_back(DType::f32, Shape{4});
  in.emplace_back(DType::f32, Shape{1});
  for (float& z : in[0].span<float>()) z = 1000;  // whose exponential is infinite
  in[1].as<float>()[0] = 6;
  const auto r = test::run_op(*make_softmax_gain(), context, {}, in, {}, {}, {});
  for (const float g : r.out[0].span<float>()) EXPECT_EQ(g, 1.5f);
}

TEST(SoftmaxGain, RefusesWhatDoesNotFit) {
  const PlanContext context;
  const auto plan = [&](TensorDesc logits, TensorDesc factor) {
    const TensorDesc in[] = {logits, factor};
    return make_softmax_gain()->plan(in, context);
  };
  EXPECT_NO_THROW(plan({DType::f32, {4}}, {DType::f32, {1}}));
  EXPECT_THROW(plan({DType::f32, {2, 2}}, {DType::f32, {1}}), Error);
  EXPECT_THROW(plan({DType::f32, {4}}, {DType::f32, {4}}), Error);
  EXPECT_THROW(plan({DType::f32, {4}}, {DType::f64, {1}}), Error);
  EXPECT_THROW(plan({DType::bf16, {4}}, {DType::f32, {1}}), Error);
}

}  // namespace
}  // namespace weft
