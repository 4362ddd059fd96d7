#include "ops/rope/rope.h"

#include <cmath>

#include "base/error.h"
#include "ops/test_support/check_op.h"
#include "ops/test_support/expect_rows.h"

namespace weft {
namespace {

TEST(Rope, EveryKernel) {
  test::expect_rows(check_rope(Runtime::best()));
}

/// One head of one row at the given position, on the fastest kernel.
Tensor turned(const Tensor& x, int64_t position) {
  PlanContext context;
  context.runtime = Runtime::best();
  context.context = position + 1;
  std::vector<Tensor> in;
  in.push_back(convert(x.view(), DType::f32));
  RunArgs run;
  run.past = position;
  auto r = test::run_op(*make_rope(1, x.shape()[1], 10000), context, run, in, {}, {}, {});
  return std::move(r.out[0]);
}

double dot(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (int64_t i = 0; i < a.numel(); ++i) sum += get(a.view(), i) * get(b.view(), i);
  return sum;
}

TEST(Rope, PairsAreHalfAHeadApart) {
  Tensor x(DType::f32, {1, 4});
  x.as<float>()[1] = 1;  // pair (1, 3), frequency 10000^(-1/2) = 0.01
  const Tensor y = turned(x, 50);
  EXPECT_NEAR(y.as<float>()[1], std::cos(0.5), 1e-6);
  EXPECT_NEAR(y.as<float>()[3], std::sin(0.5), 1e-6);
  EXPECT_EQ(y.as<float>()[0], 0);
  EXPECT_EQ(y.as<float>()[2], 0);
}

TEST(Rope, ScoresDependOnDistanceAlone) {
  const Tensor q = test::random_tensor({{1, 64}}, DType::f32, "q");
  const Tensor k = test::random_tensor({{1, 64}}, DType::f32, "k");
  const double near = dot(turned(q, 17), turned(k, 5));
  EXPECT_NEAR(dot(turned(q, 32012), turned(k, 32000)), near, 2e-5 * 64);
  EXPECT_GT(std::abs(dot(turned(q, 18), turned(k, 5)) - near), 1e-2);
}

TEST(Rope, SharesATable) {
  const auto table = std::make_shared<RopeTable>(8, 10000);
  PlanContext context;
  context.runtime = Runtime::best();
  context.time = 16;
  const TensorDesc in[] = {{DType::f32, {16, 16}}};
  make_rope(2, 8, 10000, table)->plan(in, context);
  EXPECT_EQ(table->bytes(), 16 * 8 * sizeof(float));
  context.context = 20;
  make_rope(2, 8, 10000, table)->plan(in, context);
  EXPECT_EQ(table->bytes(), 20 * 8 * sizeof(float));
  EXPECT_FLOAT_EQ(table->data()[19 * 8], static_cast<float>(std::cos(19.0)));
  EXPECT_THROW(make_rope(2, 8, 5000, table), Error);
}

TEST(Rope, RefusesWhatCannotTurn) {
  EXPECT_THROW(make_rope(2, 7, 10000), Error);
  EXPECT_THROW(make_rope(2, 0, 10000), Error);
  EXPECT_THROW(make_rope(0, 8, 10000), Error);
  EXPECT_THROW(make_rope(2, 8, 0), Error);
}

}  // namespace
}  // namespace weft
