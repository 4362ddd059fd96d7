#include "ops/swiglu/swiglu.h"

#include <cmath>

#include "base/error.h"
#include "ops/test_support/expect_rows.h"
#include "ops/test_support/run_op.h"

namespace weft {
namespace {

TEST(Swiglu, EveryKernel) {
  test::expect_rows(check_swiglu(Runtime::best()));
}

TEST(Swiglu, StaysFiniteAtTheEnds) {
  for (const KernelRow& kernel : check_swiglu(Runtime::best())) {
    if (!kernel.refused.empty() || kernel.dtype != "f32") continue;
    PlanContext context;
    context.runtime = Runtime::best();
    context.runtime.kernel = kernel.kernel;
    const float gates[] = {-200, -90, -1e-30f, 0, 1e-30f, 90, 200};
    std::vector<Tensor> in;
    in.emplace_back(DType::f32, Shape{1, 7});
    in.emplace_back(DType::f32, Shape{1, 7});
    std::vector<Tensor> before(2), d_out;
    d_out.emplace_back(DType::f32, Shape{1, 7});
    for (int i = 0; i < 7; ++i) {
      in[0].as<float>()[i] = gates[i];
      in[1].as<float>()[i] = d_out[0].as<float>()[i] = 1;
    }
    for (Tensor& t : before) t = Tensor(DType::f32, {1, 7});
    const auto r = test::run_op(*make_swiglu(), context, {}, in, d_out, before, {});
    for (int i = 0; i < 7; ++i) {
      const double g = gates[i], s = 1 / (1 + std::exp(-g));
      EXPECT_NEAR(r.out[0].as<float>()[i], g * s, 1e-5 * std::abs(g * s) + 1e-37) << kernel.kernel;
      const double slope = s * (1 + g * (1 - s));
      EXPECT_NEAR(r.d_in[0].as<float>()[i], slope, 1e-5 * std::abs(slope) + 1e-36);
    }
  }
}

TEST(Swiglu, RefusesWhatDoesNotFit) {
  PlanContext context;
  const TensorDesc in[] = {{DType::f32, {4, 8}}, {DType::f32, {4, 9}}};
  EXPECT_THROW(make_swiglu()->plan(in, context), Error);
  EXPECT_THROW(make_swiglu()->plan({in, 1}, context), Error);
}

}  // namespace
}  // namespace weft
