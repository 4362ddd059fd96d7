// A learned remainder followed by the normalisation of heads (G23). At its initial value 0 the
// first token's output is 0, where the normalisation amplifies gradients by 1 / sqrt(eps) = 316.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "attention/fixture_test.h"
#include "ops/head_norm/head_norm.h"
#include "ops/test_support/run_op.h"

namespace weft::test {
namespace {

constexpr int64_t kTime = 6, kHeads = 2, kDim = 4, kWidth = kHeads * kDim;

struct Block {
  Case attention = {.time = kTime,
                    .heads = kHeads,
                    .kv_heads = kHeads,
                    .head_dim = kDim,
                    .value_dim = kDim,
                    .args = {{"remainder", std::string("learned")}}};
  Values x;
  Array gamma, beta, dy;

  explicit Block(DType type) {
    attention.type = type;
    x = random_values(attention);
    x.w.assign(size_t(kWidth), 0);
    const Values other = random_values(attention, 2);
    gamma = rows_of(other.q, kTime, 0, 1);
    beta = rows_of(other.q, kTime, 1, 2);
    dy = other.dx;
  }
  /// y and the gradients of o, gamma and beta.
  RunResult norm(const Array& o) const {
    const DType type = attention.type;
    PlanContext context;
    context.runtime = Runtime::best();
    context.time = kTime;
    context.training = true;
    RunArgs run;
    run.time = kTime;
    const auto tensor = [&](const Array& a, const Shape& shape) {
      Tensor t(type, shape);
      for (size_t i = 0; i < a.size(); ++i) set(t.view(), int64_t(i), a[i]);
      return t;
    };
    std::vector<Tensor> in, d_out;
    in.push_back(tensor(o, {kTime, kWidth}));
    in.push_back(tensor(gamma, {kWidth}));
    in.push_back(tensor(beta, {kWidth}));
    d_out.push_back(tensor(dy, {kTime, kWidth}));
    return run_op(*make_head_norm(kHeads, kDim), context, run, in, d_out, in, {});
  }
  /// dy . y
  double loss() const {
    const RunResult r = norm(attend(attention, x).o);
    double sum = 0;
    for (size_t i = 0; i < dy.size(); ++i) sum += dy[i] * get(r.out[0].view(), int64_t(i));
    return sum;
  }
  Outcome gradients() {
    const RunResult r = norm(attend(attention, x).o);
    EXPECT_EQ(r.fault, "");
    Values y = x;
    for (size_t i = 0; i < y.dx.size(); ++i) y.dx[i] = get(r.d_in[0].view(), int64_t(i));
    y.drem.assign(y.drem.size(), 0);
    return attend(attention, y);
  }
  /// Fourth-order central differences: the curvature at w = 0 is on a scale of sqrt(eps) = 3e-3.
  Array differences(Array Values::*input) {
    constexpr double kStep = 2e-5;
    Array d;
    for (double& e : x.*input) {
      const double at = e;
      const auto loss_at = [&](double steps) {
        e = at + steps * kStep;
        return loss();
      };
      d.push_back((8 * (loss_at(1) - loss_at(-1)) - (loss_at(2) - loss_at(-2))) / (12 * kStep));
      e = at;
    }
    return d;
  }
};

TEST(RemainderNorm, G23GradientsAtTheInitialValue) {
  Block block(DType::f64);
  const Outcome r = block.gradients();
  double largest = 0;
  for (const double d : r.dw) largest = std::max(largest, std::abs(d));
  EXPECT_GT(largest, 50);  // the first row dominates
  EXPECT_LT(error(r.dw, block.differences(&Values::w)), 1e-7);
  EXPECT_LT(error(r.dq, block.differences(&Values::q)), 1e-7);
  EXPECT_LT(error(r.dk, block.differences(&Values::k)), 1e-7);
  EXPECT_LT(error(r.dv, block.differences(&Values::v)), 1e-7);
}

TEST(RemainderNorm, G23InF32) {
  const Outcome want = Block(DType::f64).gradients(), got = Block(DType::f32).gradients();
  EXPECT_LT(error(got.dw, want.dw), 5e-6);
  EXPECT_LT(error(got.dq, want.dq), 5e-6);
  EXPECT_LT(error(got.dk, want.dk), 5e-6);
  EXPECT_LT(error(got.dv, want.dv), 5e-6);
}

}  // namespace
}  // namespace weft::test
