// The planner and the executor, with tiny ops made here.
#include "program/program.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.h"
#include "program/coverage.h"
#include "program/memory.h"

namespace weft {
namespace {

TEST(Coverage, FindsTheGaps) {
  Coverage c;
  c.insert({4, 6});
  c.insert({8, 10});
  const auto gaps = c.gaps({2, 12});
  ASSERT_EQ(gaps.size(), 3u);
  EXPECT_EQ(gaps[1].first, 6);
  EXPECT_EQ(gaps[1].last, 8);
  c.insert({5, 9});
  EXPECT_TRUE(c.gaps({4, 10}).empty());
}

TEST(Place, NeverOverlapsAndStaysNearThePeak) {
  const Random random(5, "lifetimes");
  std::vector<Lifetime> buffers;
  for (uint64_t i = 0; i < 300; ++i) {
    const int first = static_cast<int>(random.below(3 * i, 100));
    const int length = static_cast<int>(random.below(3 * i + 1, 20));
    buffers.push_back({64 * (1 + random.below(3 * i + 2, 50)), first, first + length, 0});
  }
  const size_t total = place(buffers);
  EXPECT_GE(total, peak(buffers));
  EXPECT_LE(total, peak(buffers) * 13 / 10);
  for (size_t i = 0; i < buffers.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const Lifetime &a = buffers[i], &b = buffers[j];
      const bool apart = a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset;
      EXPECT_TRUE(apart || !a.overlaps(b));
    }
  }
}

// y = x * w (elementwise, w one row), all f64. Its backward reads x back, or a copy that it saved.
class Scale : public Op {
 public:
  explicit Scale(bool save) : save_(save) {}
  std::string_view name() const override { return "scale"; }
  OpPlan plan(std::span<const TensorDesc> in, const PlanContext&) override {
    width_ = in[0].shape[1];
    OpPlan p;
    p.outputs = {in[0]};
    if (save_) p.saved = {in[0]};
    p.backward_reads_input = {!save_, true};
    return p;
  }
  void forward(const Frame& f) const noexcept override {
    const auto *x = static_cast<double*>(f.in[0]), *w = static_cast<double*>(f.in[1]);
    auto* y = static_cast<double*>(f.out[0]);
    for (int64_t i = 0; i < f.run.rows() * width_; ++i) {
      if (save_) static_cast<double*>(f.saved[0])[i] = x[i];
      y[i] = x[i] * w[i % width_];
    }
  }
  void backward(const Frame& f) const noexcept override {
    const auto* x = static_cast<double*>(save_ ? f.saved[0] : f.in[0]);
    const auto *w = static_cast<double*>(f.in[1]), *dy = static_cast<double*>(f.d_out[0]);
    auto *dx = static_cast<double*>(f.d_in[0]), *dw = static_cast<double*>(f.d_in[1]);
    if (dw != nullptr && f.add[1] == 0) std::fill(dw, dw + width_, 0.0);
    for (int64_t i = 0; i < f.run.rows() * width_; ++i) {
      if (dx != nullptr) dx[i] = (f.add[0] != 0 ? dx[i] : 0) + dy[i] * w[i % width_];
      if (dw != nullptr) dw[i % width_] += dy[i] * x[i];
    }
  }

 private:
  bool save_;
  int64_t width_ = 0;
};

// y = a + b[:, columns first..]: the second input is read in part, like heads of another layer.
class AddPart : public Op {
 public:
  explicit AddPart(int64_t first) : first_(first) {}
  std::string_view name() const override { return "add_part"; }
  OpPlan plan(std::span<const TensorDesc> in, const PlanContext&) override {
    width_ = in[0].shape[1];
    from_ = in[1].shape[1];
    OpPlan p;
    p.outputs = {in[0]};
    return p;
  }
  void forward(const Frame& f) const noexcept override {
    const auto *a = static_cast<double*>(f.in[0]), *b = static_cast<double*>(f.in[1]);
    auto* y = static_cast<double*>(f.out[0]);
    for (int64_t r = 0; r < f.run.rows(); ++r) {
      for (int64_t c = 0; c < width_; ++c) {
        y[r * width_ + c] = a[r * width_ + c] + b[r * from_ + first_ + c];
      }
    }
  }
  void backward(const Frame& f) const noexcept override {
    const auto* dy = static_cast<double*>(f.d_out[0]);
    auto *da = static_cast<double*>(f.d_in[0]), *db = static_cast<double*>(f.d_in[1]);
    for (int64_t r = 0; r < f.run.rows(); ++r) {
      for (int64_t c = 0; c < width_; ++c) {
        double& a = da[r * width_ + c];
        double& b = db[r * from_ + first_ + c];
        a = (f.add[0] != 0 ? a : 0) + dy[r * width_ + c];
        b = (f.add[1] != 0 ? b : 0) + dy[r * width_ + c];
      }
    }
  }

 private:
  int64_t first_, width_ = 0, from_ = 0;
};

// loss = sum over rows and columns of x * cotangent; the root.
class Loss : public Op {
 public:
  std::string_view name() const override { return "loss"; }
  OpPlan plan(std::span<const TensorDesc> in, const PlanContext&) override {
    width_ = in[0].shape[1];
    OpPlan p;
    p.outputs = {{DType::f64, {1}}};
    p.backward_reads_input = {true};
    return p;
  }
  static double cotangent(int64_t i) {
    return Random(9, "cotangent").normal(static_cast<uint64_t>(i));
  }
  void forward(const Frame& f) const noexcept override {
    double sum = 0;
    for (int64_t i = 0; i < f.run.rows() * width_; ++i) {
      const double x = static_cast<double*>(f.in[0])[i];
      sum += x * x * cotangent(i);
    }
    *static_cast<double*>(f.out[0]) = sum;
  }
  void backward(const Frame& f) const noexcept override {
    forward(f);
    auto* dx = static_cast<double*>(f.d_in[0]);
    for (int64_t i = 0; i < f.run.rows() * width_; ++i) {
      const double x = static_cast<double*>(f.in[0])[i];
      dx[i] = (f.add[0] != 0 ? dx[i] : 0) + 2 * x * cotangent(i);
    }
  }

 private:
  int64_t width_ = 0;
};

struct Net {
  std::vector<double> w, dw;
  Program program;
  ValueId loss;
};

// Three blocks; block 1 and 2 read parts of a value of block 0 across blocks; a value has a reader
// that covers half of its columns first.
Net net(bool training, bool recompute) {
  Graph g(PlanContext{.runtime = {}, .batch = 2, .time = 3, .context = 0, .training = training});
  const TensorDesc wide{DType::f64, {6, 4}};
  const ValueId input = g.input("x", wide);
  const ValueId w = g.parameter("w", {DType::f64, {4}}, DType::f64);
  ValueId x = g.add1("embed", std::make_unique<Scale>(false), {input, w});
  ValueId first = -1;
  for (int block = 0; block < 3; ++block) {
    g.set_block(block);
    const ValueId a = g.add1("a", std::make_unique<Scale>(true), {x, w});
    const ValueId b = g.add1("b", std::make_unique<Scale>(false), {a, w});
    if (block == 0) first = b;
    x = g.add1("c", std::make_unique<AddPart>(0), {b, Use(first, {{0, 4}})});
  }
  g.set_block(-1);
  const ValueId narrow = g.add1("n", std::make_unique<Scale>(false), {x, w});
  const ValueId loss = g.add1("loss", std::make_unique<Loss>(), {narrow});
  g.keep(loss);
  return {{1.1, -0.7, 0.9, 1.3},
          std::vector<double>(4),
          Program(std::move(g), {training, recompute}),
          loss};
}

double run(Net& n, bool accumulate = false) {
  static std::vector<double> input(24);
  for (size_t i = 0; i < 24; ++i) input[i] = Random(1, "input").normal(i);
  n.program.bind({{input.data()}, {n.w.data()}, {n.dw.data()}, {}});
  n.program.poison_arena();
  n.program.run({.batch = 2, .time = 3}, accumulate);
  return *n.program.value(n.loss).as<double>();
}

TEST(Program, GradientsMatchFiniteDifferences) {
  for (const bool recompute : {false, true}) {
    Net train = net(true, recompute), eval = net(false, false);
    EXPECT_EQ(run(train), run(eval));
    for (size_t i = 0; i < 4; ++i) {
      const double h = 1e-6;
      eval.w[i] += h;
      const double up = run(eval);
      eval.w[i] -= 2 * h;
      const double down = run(eval);
      eval.w[i] += h;
      EXPECT_NEAR(train.dw[i], (up - down) / (2 * h), 1e-6 * std::abs(train.dw[i]) + 1e-8);
    }
  }
}

TEST(Program, RecomputationGivesTheSameBitsInLessMemory) {
  Net plain = net(true, false), again = net(true, true);
  EXPECT_EQ(run(plain), run(again));
  EXPECT_EQ(plain.dw, again.dw);
  EXPECT_LT(again.program.arena_bytes(), plain.program.arena_bytes());
  EXPECT_GT(again.program.plan().actions.size(), plain.program.plan().actions.size());
}

TEST(Program, AccumulatesOverMicroBatches) {
  Net n = net(true, false);
  run(n);
  const std::vector<double> once = n.dw;
  run(n, true);
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(n.dw[i], 2 * once[i], 1e-12 * std::abs(once[i]));
  run(n, false);
  EXPECT_EQ(n.dw, once);
}

TEST(Program, NamesTheFirstFault) {
  Net n = net(true, false);
  run(n);
  EXPECT_EQ(n.program.first_fault({.batch = 2, .time = 3}), "");
  n.w[2] = std::numeric_limits<double>::infinity();
  EXPECT_EQ(n.program.first_fault({.batch = 2, .time = 3}), "embed");
}

// The first reader (in backward order) writes columns 2..3 of a value of four columns, the second
// all four.
TEST(Program, ZeroesTheColumnsThatNobodyHasWritten) {
  Graph g(PlanContext{.runtime = {}, .batch = 1, .time = 2, .context = 0, .training = true});
  const ValueId input = g.input("x", {DType::f64, {2, 4}});
  const ValueId half = g.input("h", {DType::f64, {2, 2}});
  const ValueId w = g.parameter("w", {DType::f64, {4}}, DType::f64);
  const ValueId u = g.parameter("u", {DType::f64, {2}}, DType::f64);
  const ValueId x = g.add1("x", std::make_unique<Scale>(false), {input, w});
  const ValueId z = g.add1("z", std::make_unique<Scale>(false), {half, u});
  const ValueId part = g.add1("part", std::make_unique<AddPart>(2), {z, Use(x, {{2, 4}})});
  const ValueId loss = g.add1("loss", std::make_unique<Loss>(), {part});
  g.keep(loss);
  Program p(std::move(g), {.training = true, .recompute = false});
  std::vector<double> in = {1, 2, 3, 4, 5, 6, 7, 8}, h = {1, 1, 1, 1}, wv = {1, 1, 1, 1},
                      uv = {1, 1};
  std::vector<double> dw(4), du(2);
  p.bind({{in.data(), h.data()}, {wv.data(), uv.data()}, {dw.data(), du.data()}, {}});
  p.poison_arena();
  p.run({.batch = 1, .time = 2});
  EXPECT_EQ(dw[0], 0);
  EXPECT_EQ(dw[1], 0);
  EXPECT_TRUE(std::isfinite(dw[2]) && dw[2] != 0);
  EXPECT_TRUE(std::isfinite(du[0]) && du[0] != 0);
}

}  // namespace
}  // namespace weft
