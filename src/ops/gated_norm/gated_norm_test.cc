#include "ops/gated_norm/gated_norm.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/test_support/check_op.h"
#include "ops/test_support/expect_rows.h"

namespace weft {
namespace {

TEST(GatedNorm, EveryKernel) {
  test::expect_rows(check_gated_norm(Runtime::best()));
}

constexpr int64_t kWidth = 70;

/// y of one row whose parameters are scale 1 and this gate everywhere.
std::vector<double> normed(const std::vector<double>& x, double gate, double eps, DType type) {
  PlanContext context;
  context.runtime = Runtime::best();
  std::vector<Tensor> in;
  in.emplace_back(type, Shape{1, kWidth});
  for (int n = 0; n < 2; ++n) {
    in.emplace_back(type == DType::f64 ? DType::f64 : DType::f32, Shape{kWidth});
  }
  for (int64_t i = 0; i < kWidth; ++i) {
    set(in[0].view(), i, x[static_cast<size_t>(i)]);
    set(in[1].view(), i, 1);
    set(in[2].view(), i, gate);
  }
  const auto r = test::run_op(*make_gated_norm(kWidth, eps), context, {}, in, {}, {}, {});
  std::vector<double> y;
  for (int64_t i = 0; i < kWidth; ++i) y.push_back(get(r.out[0].view(), i));
  return y;
}

std::vector<double> row_of(double size) {
  std::vector<double> x;
  for (int64_t i = 0; i < kWidth; ++i) x.push_back(size * (double(i % 7) - 2.5));
  return x;
}

TEST(GatedNorm, IsTheFormula) {
  const std::vector<double> x = row_of(0.25), y = normed(x, 1.5, 0.5, DType::f64);
  double mean = 0;
  for (const double v : x) mean += v * v / double(kWidth);
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(y[i], x[i] / std::sqrt(mean + 0.5) / (1 + std::exp(-1.5 * x[i])), 1e-14);
  }
}

// Weights times c give outputs times c: without a gate the normalisation takes c out again.
TEST(GatedNorm, SizeDoesNotMatterWithoutAGateAndDoesWithOne) {
  const double tiny = 1e-300;
  const std::vector<double> x = row_of(0.25), larger = row_of(0.75);
  const auto distance = [&](double gate) {
    const auto a = normed(x, gate, tiny, DType::f64), b = normed(larger, gate, tiny, DType::f64);
    double most = 0;
    for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
    return most;
  };
  EXPECT_LT(distance(0), 1e-14);
  EXPECT_GT(distance(1), 0.1);
}

TEST(GatedNorm, ZerosStayZero) {
  for (const DType type : {DType::f64, DType::f32, DType::bf16}) {
    for (const double y : normed(row_of(0), 1, 1e-5, type)) EXPECT_EQ(y, 0);
  }
}

TEST(GatedNorm, RefusesWhatDoesNotFit) {
  PlanContext context;
  const TensorDesc x{DType::bf16, {4, 6}}, parameter{DType::f32, {6}}, other{DType::f32, {3}};
  const auto plan = [&](const TensorDesc& scale, const TensorDesc& gate) {
    const TensorDesc in[] = {x, scale, gate};
    make_gated_norm(6)->plan(in, context);
  };
  EXPECT_NO_THROW(plan(parameter, parameter));
  EXPECT_THROW(plan(other, parameter), Error);
  EXPECT_THROW(plan(parameter, other), Error);
  EXPECT_THROW(make_gated_norm(0), Error);
  EXPECT_THROW(make_gated_norm(6, 0), Error);
}

}  // namespace
}  // namespace weft
