#include "ops/cross_entropy/cross_entropy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/compare.h"
#include "ops/test_support/check_op.h"
#include "ops/test_support/expect_rows.h"

namespace weft {
namespace {

TEST(CrossEntropy, EveryKernelAgreesWithTheReference) {
  test::expect_rows(check_cross_entropy(Runtime::best()));
}

/// One root with all its memory.
struct Root {
  static constexpr int64_t kRows = 6, kDim = 5, kVocab = 11;

  explicit Root(DType type, float w_scale = 1) {
    context.runtime = Runtime::best();
    context.batch = run.batch = kRows;
    context.training = true;
    run.labels = labels.data();
    x = test::random_tensor({Shape{kRows, kDim}}, type, "x");
    w = test::random_tensor({Shape{kVocab, kDim}, test::Role::activation, w_scale}, type, "w");
    dx = Tensor(type, {kRows, kDim});
    dw = Tensor(type == DType::f64 ? type : DType::f32, {kVocab, kDim});
    const TensorDesc in[] = {x.desc(), w.desc()};
    plan = op->plan(in, context);
    losses = Tensor(plan.outputs[2].dtype, {kRows, 1});
    scratch = Buffer(plan.backward_scratch);
  }
  void execute(bool gradient) {
    poison(losses.data(), losses.desc().bytes());
    poison(dx.data(), dx.desc().bytes());
    poison(dw.data(), dw.desc().bytes());
    void* const in[] = {x.data(), w.data()};
    void* const out[] = {&loss, &count, losses.data(), &right};
    void* const d_in[] = {dx.data(), dw.data()};
    const uint8_t add[] = {0, 0};
    const Frame frame{context.runtime, run, in, out, {}, d_in, {}, add, scratch.data()};
    gradient ? op->backward(frame) : op->forward(frame);
  }

  std::vector<int32_t> labels = {3, -1, 10, 0, -1, 3};
  PlanContext context;
  RunArgs run;
  Tensor x, w, dx, dw, losses;
  std::unique_ptr<Op> op = make_cross_entropy(kDim, kVocab);
  OpPlan plan;
  Buffer scratch;
  double loss = NAN, count = NAN, right = NAN;
};

TEST(CrossEntropy, UniformLogitsCostLogOfTheVocabulary) {
  for (const DType type : {DType::f64, DType::f32, DType::bf16}) {
    Root root(type, 0);
    root.execute(false);
    EXPECT_NEAR(root.loss, std::log(11.0), 1e-6) << name_of(type);
    EXPECT_EQ(root.count, 4);
    EXPECT_EQ(root.losses.dtype(), type == DType::f64 ? DType::f64 : DType::f32);
    EXPECT_NEAR(get(root.losses.view(), 0), std::log(11.0), 1e-6);
    EXPECT_EQ(get(root.losses.view(), 1), 0);
  }
}

TEST(CrossEntropy, BackwardComputesTheLossesOfForward) {
  for (const DType type : {DType::f64, DType::f32, DType::bf16}) {
    Root root(type);
    root.execute(false);
    const double loss = root.loss, right = root.right;
    const Tensor losses = convert(root.losses.view(), root.losses.dtype());
    root.loss = root.count = root.right = NAN;
    root.execute(true);
    EXPECT_EQ(root.loss, loss);
    EXPECT_EQ(root.count, 4);
    EXPECT_EQ(root.right, right);
    EXPECT_TRUE(same_bits(root.losses.view(), losses.view()));
  }
}

/// Of `n` equal logits the first counts, so with uniform ones only the label 0 is right.
TEST(CrossEntropy, CountsTheLabelsThatAGreedySamplerTakes) {
  for (const DType type : {DType::f64, DType::f32, DType::bf16}) {
    Root even(type, 0);
    even.execute(false);
    EXPECT_EQ(even.right, 1) << name_of(type);

    Root root(type);
    std::vector<int32_t> best;
    for (int64_t r = 0; r < Root::kRows; ++r) {
      std::vector<double> z(Root::kVocab, 0.0);
      for (int64_t v = 0; v < Root::kVocab; ++v) {
        for (int64_t i = 0; i < Root::kDim; ++i) {
          z[static_cast<size_t>(v)] +=
              get(root.x.view(), r * Root::kDim + i) * get(root.w.view(), v * Root::kDim + i);
        }
      }
      best.push_back(static_cast<int32_t>(std::max_element(z.begin(), z.end()) - z.begin()));
    }
    root.labels = best;
    root.execute(false);
    EXPECT_EQ(root.right, Root::kRows) << name_of(type);
    root.labels[1] = (best[1] + 1) % Root::kVocab;
    root.labels[4] = -1;
    root.execute(false);
    EXPECT_EQ(root.right, Root::kRows - 2) << name_of(type);
    EXPECT_EQ(root.count, Root::kRows - 1);
  }
}

TEST(CrossEntropy, SurvivesLogitsOfAnySize) {
  Root root(DType::f32, 1e4F);
  root.execute(true);
  EXPECT_TRUE(std::isfinite(root.loss));
  EXPECT_GT(root.loss, 100);
  for (const float g : root.dw.span<float>()) EXPECT_TRUE(std::isfinite(g));
}

TEST(CrossEntropy, WithoutLabelsThereIsNoLossAndNoGradient) {
  for (const DType type : {DType::f64, DType::f32, DType::bf16}) {
    Root root(type);
    root.labels.assign(Root::kRows, -1);
    root.execute(true);
    EXPECT_EQ(root.loss, 0);
    EXPECT_EQ(root.count, 0);
    EXPECT_EQ(root.right, 0);
    for (int64_t i = 0; i < root.dx.numel(); ++i) EXPECT_EQ(get(root.dx.view(), i), 0);
    for (int64_t i = 0; i < root.dw.numel(); ++i) EXPECT_EQ(get(root.dw.view(), i), 0);
  }
}

TEST(CrossEntropy, RowsWithoutLabelAreNotRead) {
  Root root(DType::f32);
  root.execute(true);
  const double loss = root.loss;
  const Tensor dw = convert(root.dw.view(), DType::f32);
  poison(root.x.as<float>() + Root::kDim, Root::kDim * sizeof(float));
  root.execute(true);
  EXPECT_EQ(root.loss, loss);
  EXPECT_TRUE(same_bits(root.dw.view(), dw.view()));
  for (int64_t i = 0; i < Root::kDim; ++i) EXPECT_EQ(root.dx.as<float>()[Root::kDim + i], 0);
}

TEST(CrossEntropy, LossScaleIsAFactorOfTheGradientOnly) {
  Root root(DType::f64);
  root.execute(true);
  const double loss = root.loss, gradient = root.dw.as<double>()[0];
  root.run.loss_scale = 0.25F;
  root.execute(true);
  EXPECT_EQ(root.loss, loss);
  EXPECT_DOUBLE_EQ(root.dw.as<double>()[0], 0.25 * gradient);
}

TEST(CrossEntropy, RefusesWrongShapes) {
  const TensorDesc wrong[] = {{DType::f32, {6, 5}}, {DType::f32, {12, 5}}};
  EXPECT_THROW(make_cross_entropy(5, 11)->plan(wrong, {}), Error);
}

}  // namespace
}  // namespace weft
