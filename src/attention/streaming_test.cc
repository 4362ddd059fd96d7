// The plain skeleton that a CUDA device runs, on the CPU: the same source, the same row policies.
#include "attention/streaming.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <barrier>
#include <cmath>
#include <thread>

#include "attention/mechanisms/softmax.h"
#include "attention/mechanisms/stick_breaking.h"
#include "attention/streaming_fixture_test.h"

namespace weft::test {
namespace {

/// A team of threads, as a thread block is one.
class Crew {
 public:
  Crew(int rank, int size, std::barrier<>& barrier)
      : rank_(rank), size_(size), barrier_(&barrier) {}
  int rank() const { return rank_; }
  int size() const { return size_; }
  void sync() const { barrier_->arrive_and_wait(); }

 private:
  int rank_, size_;
  std::barrier<>* barrier_;
};

template <class Row, class T, class Team>
void walk_all(const StreamingCase<T>& c, TeamMemory<T>& memory, std::vector<double>& kept,
              Team team) {
  RowWalk<Row, T, Team> walk(c.problem, c.run, memory, team);
  for (Int row = 0; row < c.run.batch * c.run.time; ++row) {
    for (Int h = 0; h < c.problem.heads; ++h) walk.forward(row, h);
  }
  team.sync();
  for (Int b = 0; b < c.run.batch; ++b) {
    for (Int owner = 0; owner < c.problem.owners; ++owner) walk.backward(b, owner, kept.data());
  }
  if (c.problem.remainder_input < 0) return;
  for (Int h = 0; h < c.problem.heads; ++h) walk.learned_gradient(h);
}

/// Forward and backward by a team of that many threads.
template <class Mechanism, class T>
void walk_with(StreamingCase<T>& c, int size) {
  using Row = typename Mechanism::template Row<T>;
  TeamMemory<T> memory;
  poison(&memory, sizeof memory);
  std::vector<double> kept(size_t(RowWalk<Row, T, Alone>::most_blocks(c.problem)), NAN);
  if (size == 1) return walk_all<Row>(c, memory, kept, Alone());
  std::barrier<> barrier(size);
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] { walk_all<Row>(c, memory, kept, Crew(rank, size, barrier)); });
  }
}

template <class T>
Outcome walk(const Case& c, const Values& x, int team = 1, bool add = false) {
  StreamingCase<T> memory(c, x, add);
  c.mechanism == "softmax" ? walk_with<Softmax>(memory, team)
                           : walk_with<StickBreaking>(memory, team);
  EXPECT_TRUE(memory.padding_is_untouched()) << label(c);
  return memory.outcome();
}
Outcome formula(Case c, const Values& x) {
  c.type = DType::f64;
  return attend(c, x);
}

TEST(PlainSkeleton, EqualsTheFormula) {
  for (const Case& c : streaming_cases()) {
    SCOPED_TRACE(label(c));
    const Values x = random_values(c);
    const Outcome want = formula(c, x), exact = walk<double>(c, x), rounded = walk<float>(c, x);
    EXPECT_LT(forward_error(exact, want), 1e-14);
    EXPECT_LT(backward_error(exact, want), 1e-14);
    EXPECT_LT(forward_error(rounded, want), 2e-6);
    EXPECT_LT(backward_error(rounded, want), 5e-6);
  }
}

bool same(const Outcome& a, const Outcome& b) {
  return a.o == b.o && a.rem == b.rem && a.dq == b.dq && a.dk == b.dk && a.dv == b.dv &&
         a.dw == b.dw;
}

TEST(PlainSkeleton, TeamsOfAnySizeGiveTheSameBits) {
  for (const char* mechanism : {"softmax", "stick-breaking"}) {
    Case c{.time = 70, .heads = 2, .head_dim = 6, .value_dim = 9, .mechanism = mechanism};
    if (c.mechanism != "softmax") c.args = {{"remainder", std::string("self-value")}};
    const Values x = random_values(c);
    const Outcome alone = walk<float>(c, x);
    for (const int team : {2, 7, 66}) EXPECT_TRUE(same(walk<float>(c, x, team), alone)) << team;
  }
}

TEST(PlainSkeleton, AddsToGradientsWhereToldTo) {
  for (const char* mechanism : {"softmax", "stick-breaking"}) {
    Case c{.batch = 2, .time = 70, .heads = 4, .kv_heads = 2, .head_dim = 6, .value_dim = 9};
    c.mechanism = mechanism;
    if (c.mechanism != "softmax") c.args = {{"remainder", std::string("learned")}};
    const Values x = random_values(c);
    EXPECT_LT(backward_error(walk<double>(c, x, 1, true), formula(c, x)), 1e-13);
  }
}

TEST(PlainSkeleton, LeavesOutGradientsThatNobodyWants) {
  Case c{.time = 70};
  c.args = {{"remainder", std::string("learned")}};
  const Values x = random_values(c);
  const Outcome want = walk<double>(c, x);
  for (size_t unwanted = 0; unwanted < 4; ++unwanted) {
    StreamingCase<double> memory(c, x);
    const_cast<void*&>(memory.run.d_in[unwanted]) = nullptr;
    walk_with<StickBreaking>(memory, 1);
    const Outcome got = memory.outcome();
    const Array* all[] = {&got.dq, &got.dk, &got.dv, &got.dw};
    const Array* wanted[] = {&want.dq, &want.dk, &want.dv, &want.dw};
    for (size_t i = 0; i < 4; ++i) {
      if (i == unwanted) {
        EXPECT_TRUE(std::all_of(all[i]->begin(), all[i]->end(), [](double d) { return d != d; }));
      } else {
        EXPECT_TRUE(*all[i] == *wanted[i]) << i;
      }
    }
  }
}

/// Scores of every size at once, exact in f32.
Array mixed_scores(int64_t n) {
  constexpr double kAll[] = {0, -1e4, -100, -30, -11, 1e-40, -0., 11, 30, 100, 1e4};
  Array z;
  for (int64_t j = 0; j < n; ++j) z.push_back(double(float(kAll[j * j % 11])));
  return z;
}

TEST(PlainSkeleton, SaturatedGates) {
  const Case c = scored(200, 3);
  const Values x = with_scores(c, mixed_scores(200));
  const Outcome want = formula(c, x), exact = walk<double>(c, x), rounded = walk<float>(c, x);
  EXPECT_LT(forward_error(exact, want), 1e-14);
  EXPECT_LT(backward_error(exact, want), 1e-13);
  EXPECT_LT(forward_error(rounded, want), 2e-6);
  EXPECT_LT(backward_error(rounded, want), 5e-6);
}

// A statistic of 1e4 is rounded by up to 1e4 of the type's epsilon, and so are the weights on the
// way back. (dq sums dz * 1e4 over keys between which dz cancels: it says nothing here.)
TEST(PlainSkeleton, SoftmaxOfScoresOfEverySize) {
  Case c = scored(200, 3);
  c.mechanism = "softmax";
  const Values x = with_scores(c, mixed_scores(200));
  const Outcome want = formula(c, x), exact = walk<double>(c, x), rounded = walk<float>(c, x);
  EXPECT_LT(forward_error(exact, want), 1e-14);
  EXPECT_LT(forward_error(rounded, want), 2e-6);
  for (const auto& [got, epsilon] : {std::pair{&exact, 0x1p-53}, {&rounded, 0x1p-24}}) {
    EXPECT_LT(error(got->dk, want.dk), 1e4 * epsilon);
    EXPECT_LT(error(got->dv, want.dv), 1e4 * epsilon);
  }
}

// Gates of 4e-8 and 3e-4: in f32 the first would leave the stick as it is, and thousands of them
// would let U drift (do = 0, dr = 1: dz = -b * rem).
TEST(PlainSkeleton, TinyGates) {
  for (const double z : {-17., -8.}) {
    Case c = scored(3000);
    Values x = with_scores(c, Array(3000, z));
    std::fill(x.dx.begin(), x.dx.end(), 0);
    std::fill(x.drem.begin(), x.drem.end(), 0);
    x.drem.back() = 1;  // one row has gradients, so dk is its dz
    const Outcome r = walk<float>(c, x);
    const double rem = std::exp(-2999 * std::log1p(std::exp(z)));
    EXPECT_NEAR(r.rem.back(), rem, 1e-6 * rem);
    for (size_t j = 0; j < 2999; ++j) {
      ASSERT_NEAR(r.dk[j], -sigmoid(z) * rem, 1e-6 * sigmoid(z) * rem) << j;
    }
  }
}

TEST(PlainSkeleton, ExitIsExactAndFires) {
  Case c = scored(700, 4);
  Values x = random_values(c);
  std::fill(x.q.begin(), x.q.end(), 1);
  for (const double mean : {3., 0., -2., -4., -8.}) {
    Values shifted = x;
    for (double& k : shifted.k) k = double(float(mean + k));
    c.args = {{"early_exit", std::string("exact")}};
    const Outcome exact = walk<float>(c, shifted);
    c.args = {{"early_exit", std::string("off")}};
    const Outcome off = walk<float>(c, shifted);
    EXPECT_TRUE(same(exact, off)) << mean;
    EXPECT_EQ(off.visited.back(), 11);
    if (mean >= 0) {
      EXPECT_LT(exact.visited.back(), 5);
    }
    c.args = {{"early_exit", std::string("1e-3")}};
    const Outcome early = walk<float>(c, shifted);
    EXPECT_LE(early.visited.back(), exact.visited.back());
    for (size_t i = 0; i < off.rem.size(); ++i) ASSERT_NEAR(early.rem[i], off.rem[i], 1e-3);
  }
}

}  // namespace
}  // namespace weft::test
