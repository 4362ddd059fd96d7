#include "ops/add/add.h"

#include "base/error.h"
#include "ops/test_support/expect_rows.h"

namespace weft {
namespace {

TEST(Add, EveryKernel) {
  test::expect_rows(check_add(Runtime::best()));
}

TEST(Add, RefusesWhatDoesNotFit) {
  PlanContext context;
  const auto plan = [&](TensorDesc a, TensorDesc b) {
    const TensorDesc in[] = {a, b};
    make_add()->plan(in, context);
  };
  EXPECT_NO_THROW(plan({DType::f32, {4, 8}}, {DType::f32, {4, 8}}));
  EXPECT_THROW(plan({DType::f32, {4, 8}}, {DType::f32, {4, 9}}), Error);
  EXPECT_THROW(plan({DType::f32, {4, 8}}, {DType::bf16, {4, 8}}), Error);
  EXPECT_THROW(plan({DType::i32, {4, 8}}, {DType::i32, {4, 8}}), Error);
}

}  // namespace
}  // namespace weft
