#include "ops/head_norm/head_norm.h"

#include "base/error.h"
#include "ops/test_support/check_op.h"
#include "ops/test_support/expect_rows.h"

namespace weft {
namespace {

TEST(HeadNorm, EveryKernel) {
  test::expect_rows(check_head_norm(Runtime::best()));
}

TEST(HeadNorm, NormalisesEveryHeadOnItsOwn) {
  PlanContext context;
  context.runtime = Runtime::best();
  std::vector<Tensor> in;
  in.push_back(test::random_tensor({{1, 200}, test::Role::activation, 3, 7}, DType::f32, "x"));
  in.emplace_back(DType::f32, Shape{200});
  in.emplace_back(DType::f32, Shape{200});
  for (float& g : in[1].span<float>()) g = 1;
  const auto r = test::run_op(*make_head_norm(2, 100), context, {}, in, {}, {}, {});
  for (const int head : {0, 1}) {
    double sum = 0, squares = 0;
    for (const float y : r.out[0].span<float>().subspan(static_cast<size_t>(head) * 100, 100)) {
      sum += y;
      squares += double(y) * double(y);
    }
    EXPECT_NEAR(sum / 100, 0, 1e-5);
    EXPECT_NEAR(squares / 100, 1, 1e-4);
  }
}

TEST(HeadNorm, RefusesWhatDoesNotFit) {
  PlanContext context;
  const TensorDesc good[] = {{DType::bf16, {4, 6}}, {DType::f32, {6}}, {DType::f32, {6}}};
  EXPECT_NO_THROW(make_head_norm(2, 3)->plan(good, context));
  const TensorDesc bad[] = {{DType::bf16, {4, 6}}, {DType::f32, {6}}, {DType::f32, {3}}};
  EXPECT_THROW(make_head_norm(2, 3)->plan(bad, context), Error);
  EXPECT_THROW(make_head_norm(0, 3), Error);
  EXPECT_THROW(make_head_norm(2, 3, -1), Error);
}

}  // namespace
}  // namespace weft
