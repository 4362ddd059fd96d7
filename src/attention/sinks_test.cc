// Softmax with a slot beside the keys (arXiv 2410.10781): what it computes, its gradients, what
// hides it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "attention/fixture_test.h"
#include "attention/positions/position.h"

namespace weft::test {
namespace {

Case with_sink(Case c, const std::string& sink) {
  c.mechanism = "softmax";
  c.args = {{"sink", sink}};
  return c;
}

/// The formula in plain loops for one head: o [time, value_dim] and the slot's weight [time] where
/// the slot has score `slot` [time] and value w.
struct Formula {
  Array o, rem;

  Formula(const Case& c, const Values& x, const Array& slot, const Array& w) {
    const double scale = c.scale == 0 ? 1 / std::sqrt(double(c.head_dim)) : c.scale;
    for (size_t i = 0; i < size_t(c.time); ++i) {
      const size_t first = c.window > 0 && i + 1 > size_t(c.window) ? i + 1 - size_t(c.window) : 0;
      double sum = std::exp(slot[i]);
      Array o_row(size_t(c.value_dim), 0);
      for (size_t d = 0; d < o_row.size(); ++d) o_row[d] = sum * w[d];
      rem.push_back(sum);
      for (size_t j = first; j <= i; ++j) {
        double z = 0;
        for (size_t d = 0; d < size_t(c.head_dim); ++d) {
          z += scale * x.q[i * size_t(c.head_dim) + d] * x.k[j * size_t(c.head_dim) + d];
        }
        if (!c.slopes.empty()) z -= c.slopes[0] * double(i - j);
        const double e = std::exp(z);
        sum += e;
        for (size_t d = 0; d < o_row.size(); ++d) {
          o_row[d] += e * x.v[j * size_t(c.value_dim) + d];
        }
      }
      rem.back() /= sum;
      for (const double e : o_row) o.push_back(e / sum);
    }
  }
};

Array slot_scores(const Case& c, const Values& x) {
  Array slot;
  for (size_t i = 0; i < size_t(c.time); ++i) {
    double z = 0;
    for (size_t d = 0; d < size_t(c.head_dim); ++d) {
      z += x.q[i * size_t(c.head_dim) + d] * x.sink[d];
    }
    slot.push_back(z / std::sqrt(double(c.head_dim)));
  }
  return slot;
}

// Windows never hide the slot, and it gets no slope.
TEST(Sinks, AreTheFormula) {
  for (const int64_t window : {0, 7}) {
    for (const bool alibi : {false, true}) {
      Case c{.time = 70, .value_dim = 5, .window = window, .type = DType::f64};
      if (alibi) c.slopes = {0.3};
      const Values x = random_values(c);
      const Array none(5, 0), scores = slot_scores(c, x), zero(scores.size(), 0);
      const Formula off(c, x, zero, none), key(c, x, scores, none), value(c, x, scores, x.w);
      const auto expect = [&](const char* sink, const Formula& want) {
        const Outcome r = attend(with_sink(c, sink), x);
        EXPECT_LT(error(r.o, want.o), 1e-13) << sink;
        EXPECT_LT(error(r.rem, want.rem), 1e-13) << sink;
      };
      expect("off-by-one", off);
      expect("key", key);
      expect("key-value", value);
    }
  }
}

TEST(Sinks, ALearnedKeyStartsAsOffByOne) {
  for (const DType type : {DType::f64, DType::f32, DType::bf16}) {
    const Case c{.time = 130, .heads = 4, .kv_heads = 2, .type = type};
    Values x = random_values(c);
    std::fill(x.sink.begin(), x.sink.end(), 0);
    std::fill(x.w.begin(), x.w.end(), 0);
    const Outcome off = attend(with_sink(c, "off-by-one"), x);
    for (const char* sink : {"key", "key-value"}) {
      const Outcome r = attend(with_sink(c, sink), x);
      EXPECT_EQ(r.o, off.o);
      EXPECT_EQ(r.rem, off.rem);
      EXPECT_EQ(r.dk, off.dk);
      EXPECT_EQ(r.dv, off.dv);
      EXPECT_LT(error(r.dq, off.dq), 1e-15);
      EXPECT_TRUE(std::any_of(r.dsink.begin(), r.dsink.end(), [](double d) { return d != 0; }));
    }
  }
}

// A slot that nobody looks at is as good as none; one that everybody looks at takes everything.
TEST(Sinks, OfExtremeScores) {
  for (const DType type : {DType::f64, DType::f32}) {
    Case c{.time = 100, .value_dim = 4, .type = type};
    Values x = random_values(c);
    for (size_t i = 0; i < x.q.size(); i += 8) x.q[i] = 1, x.k[i] = 0;
    std::fill(x.drem.begin(), x.drem.end(), 0);
    std::fill(x.sink.begin(), x.sink.end(), 0);
    x.sink[0] = -3e4;
    c.mechanism = "softmax";
    const Outcome none = attend(c, x);
    const Outcome shut = attend(with_sink(c, "key-value"), x);
    EXPECT_EQ(shut.o, none.o);
    EXPECT_EQ(shut.dq, none.dq);
    EXPECT_EQ(shut.dk, none.dk);
    EXPECT_EQ(error(shut.rem, Array(100, 0)), 0);
    EXPECT_EQ(error(shut.dw, Array(4, 0)), 0);
    x.sink[0] = 3e4;
    const Outcome open = attend(with_sink(c, "key-value"), x);
    for (size_t i = 0; i < open.o.size(); ++i) EXPECT_EQ(open.o[i], x.w[i % 4]);
    EXPECT_EQ(error(open.dq, Array(open.dq.size(), 0)), 0);
    EXPECT_EQ(error(open.dv, Array(open.dv.size(), 0)), 0);
  }
}

// Every parameter and input, by differences of the whole op in f64; the fast kernels against it.
TEST(Sinks, GradientsByDifferences) {
  for (const char* sink : {"off-by-one", "key", "key-value"}) {
    Case c = with_sink({.time = 9, .heads = 2, .kv_heads = 1, .head_dim = 3, .value_dim = 2}, sink);
    c.type = DType::f64;
    Values x = random_values(c);
    const Outcome r = attend(c, x);
    const auto loss = [&] {
      const Outcome at = attend(c, x);
      double sum = 0;
      for (size_t i = 0; i < at.o.size(); ++i) sum += at.o[i] * x.dx[i];
      for (size_t i = 0; i < at.rem.size(); ++i) sum += at.rem[i] * x.drem[i];
      return sum;
    };
    const auto differences = [&](Array& input) {
      Array d;
      for (double& e : input) {
        const double at = e, h = 1e-5;
        e = at + h;
        const double up = loss();
        e = at - h;
        d.push_back((up - loss()) / (2 * h));
        e = at;
      }
      return d;
    };
    EXPECT_LT(error(r.dq, differences(x.q)), 1e-7) << sink;
    EXPECT_LT(error(r.dk, differences(x.k)), 1e-7) << sink;
    EXPECT_LT(error(r.dv, differences(x.v)), 1e-7) << sink;
    if (!r.dsink.empty()) {
      EXPECT_LT(error(r.dsink, differences(x.sink)), 1e-7) << sink;
    }
    if (!r.dw.empty()) {
      EXPECT_LT(error(r.dw, differences(x.w)), 1e-7) << sink;
    }
  }
}

// A sink bounds what is lost: without one, weights sum to one; with one, to one less its weight.
TEST(Sinks, WeightsSumToOneWithTheSlot) {
  for (const char* sink : {"off-by-one", "key"}) {
    const Case c = with_sink({.time = 200, .value_dim = 1}, sink);
    Values x = random_values(c);
    std::fill(x.v.begin(), x.v.end(), 1);
    const Outcome r = attend(c, x);
    for (size_t i = 0; i < r.o.size(); ++i) EXPECT_NEAR(r.o[i] + r.rem[i], 1, 1e-6);
  }
}

}  // namespace
}  // namespace weft::test
