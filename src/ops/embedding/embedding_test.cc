#include "ops/embedding/embedding.h"

#include <gtest/gtest.h>

#include "ops/test_support/check_op.h"
#include "ops/test_support/expect_rows.h"

namespace weft {
namespace {

TEST(Embedding, KeepsItsLimits) {
  test::expect_rows(check_embedding(Runtime::best()));
}

/// Tokens 2, 0, 2 of a table [4, 3] that holds 0, 1, 2, ...
struct Small {
  explicit Small(uint8_t add_gradient) : add(add_gradient) {
    context.batch = run.batch = 3;
    int32_t* t = in[0].as<int32_t>();
    t[0] = 2, t[1] = 0, t[2] = 2;
    for (int i = 0; i < 12; ++i) in[1].as<float>()[i] = static_cast<float>(i);
    for (int i = 0; i < 9; ++i) d_out[0].as<float>()[i] = static_cast<float>(i + 1);
    for (float& x : before[1].span<float>()) x = 100;
  }
  test::RunResult execute() {
    const auto op = make_embedding(4, 3, DType::f32);
    return test::run_op(*op, context, run, in, d_out, before, {{0, add}, {}, false, false});
  }
  PlanContext context;
  RunArgs run;
  uint8_t add;
  Tensor in[2] = {Tensor(DType::i32, {3, 1}), Tensor(DType::f32, {4, 3})};
  Tensor d_out[1] = {Tensor(DType::f32, {3, 3})};
  Tensor before[2] = {Tensor(DType::i32, {3, 1}), Tensor(DType::f32, {4, 3})};
};

TEST(Embedding, TakesRowsAndSumsTheirGradients) {
  for (const uint8_t add : {0, 1}) {
    const test::RunResult r = Small(add).execute();
    EXPECT_EQ(r.fault, "");
    const float y[] = {6, 7, 8, 0, 1, 2, 6, 7, 8};
    const float d[] = {4, 5, 6, 0, 0, 0, 8, 10, 12, 0, 0, 0};
    for (int i = 0; i < 9; ++i) EXPECT_EQ(r.out[0].as<float>()[i], y[i]);
    for (int i = 0; i < 12; ++i) EXPECT_EQ(r.d_in[1].as<float>()[i], d[i] + (add != 0 ? 100 : 0));
  }
}

TEST(Embedding, RefusesWrongShapesAndTypes) {
  const auto plan = [](DType tokens, DType table, Shape shape, DType type) {
    const TensorDesc in[] = {{tokens, {3, 1}}, {table, shape}};
    make_embedding(4, 3, type)->plan(in, {});
  };
  EXPECT_NO_THROW(plan(DType::i32, DType::f32, {4, 3}, DType::bf16));
  EXPECT_THROW(plan(DType::i64, DType::f32, {4, 3}, DType::f32), Error);
  EXPECT_NO_THROW(plan(DType::i32, DType::bf16, {4, 3}, DType::bf16));
  EXPECT_THROW(plan(DType::i32, DType::bf16, {4, 3}, DType::f32), Error);
  EXPECT_THROW(plan(DType::i32, DType::f32, {4, 3}, DType::f64), Error);
  EXPECT_THROW(plan(DType::i32, DType::f32, {5, 3}, DType::f32), Error);
  EXPECT_THROW(plan(DType::i32, DType::f32, {4, 3}, DType::u8), Error);
}

}  // namespace
}  // namespace weft
