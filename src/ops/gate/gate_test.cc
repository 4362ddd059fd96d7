#include "ops/gate/gate.h"

#include <cmath>

#include "base/error.h"
#include "ops/test_support/check_op.h"
#include "ops/test_support/expect_rows.h"

namespace weft {
namespace {

TEST(Gate, EveryKernel) {
  test::expect_rows(check_gate(Runtime::best()));
}

// The gradient of an almost open gate is that of its closed part, which 1 - c has lost.
TEST(Gate, KeepsTheGradientOfAnAlmostOpenGate) {
  PlanContext context;
  context.runtime = Runtime::best();
  const auto tensor = [](DType type, Shape shape, double value) {
    Tensor t(type, shape);
    for (int64_t i = 0; i < t.numel(); ++i) set(t.view(), i, value);
    return t;
  };
  std::vector<Tensor> in, d_out, before;
  in.push_back(tensor(DType::bf16, {1, 1}, 1));
  in.push_back(tensor(DType::f32, {1}, 10));
  in.push_back(tensor(DType::f32, {1}, 0));
  d_out.push_back(tensor(DType::bf16, {1, 1}, 1));
  before.push_back(tensor(DType::bf16, {1, 1}, 0));
  before.push_back(tensor(DType::f32, {1}, 0));
  before.push_back(tensor(DType::f32, {1}, 0));
  const auto r = test::run_op(*make_gate({}), context, {}, in, d_out, before, {});
  EXPECT_EQ(r.fault, "");
  EXPECT_EQ(get(r.out[0].view(), 0), 1) << "in bf16";
  const double slope = std::exp(-10.0) / std::pow(1 + std::exp(-10.0), 2);
  EXPECT_NEAR(r.d_in[2].as<float>()[0], slope, 1e-6 * slope);
}

TEST(Gate, RefusesWhatDoesNotFit) {
  PlanContext context;
  context.batch = 4;
  const GateSpec spec{.dim = 3, .heads = 2, .weight = 6, .bias = 2};
  const auto plan = [&](Shape w, Shape b) {
    const TensorDesc in[] = {{DType::f32, {4, 3}}, {DType::f32, w}, {DType::f32, b}};
    return make_gate(spec)->plan(in, context);
  };
  EXPECT_NO_THROW(plan({2, 2, 3}, {2, 2}));
  EXPECT_THROW(plan({11}, {4}), Error);
  EXPECT_THROW(plan({12}, {3}), Error);
  EXPECT_THROW(make_gate({.dim = 0}), Error);
  EXPECT_THROW(make_gate({.dim = 1, .heads = 1, .weight = -1}), Error);
}

}  // namespace
}  // namespace weft
