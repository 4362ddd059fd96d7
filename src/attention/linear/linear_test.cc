// Linear attention against formulas written here, and against its own recurrence.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "attention/fixture_test.h"
#include "attention/linear/recurrence.h"
#include "base/error.h"
#include "base/random.h"

namespace weft::test {
namespace {

using Given = std::map<std::string, Arg>;

Given given(const std::string& feature, bool normalise, double momentum) {
  return {{"feature", feature}, {"normalise", normalise}, {"momentum", momentum}};
}
/// Every combination that does not divide by numbers of any sign.
std::vector<Given> combinations() {
  std::vector<Given> all;
  for (const double momentum : {0., 0.5, 0.97}) {
    for (const std::string feature : {"elu1", "relu", "identity"}) {
      if (feature != "identity") all.push_back(given(feature, true, momentum));
      all.push_back(given(feature, false, momentum));
    }
  }
  return all;
}
Case linear(int64_t time, const Given& args = {}) {
  Case c{.time = time};
  c.mechanism = "linear";
  c.args = args;
  return c;
}
std::string feature_of(const Case& c) {
  const auto it = c.args.find("feature");
  return it == c.args.end() ? "elu1" : std::get<std::string>(it->second);
}
bool normalises(const Case& c) {
  const auto it = c.args.find("normalise");
  return it == c.args.end() || std::get<bool>(it->second);
}
double momentum_of(const Case& c) {
  const auto it = c.args.find("momentum");
  return it == c.args.end() ? 0 : std::get<double>(it->second);
}
void trace(const Case& c, std::string& out) {
  out = feature_of(c) + (normalises(c) ? " normalised" : "") + " momentum " +
        std::to_string(momentum_of(c));
}

double phi(const Case& c, double x) {
  if (feature_of(c) == "identity") return x;
  if (feature_of(c) == "relu") return std::max(0., x);
  return x > 0 ? x + 1 : std::exp(x);
}
/// phi(q_i) . phi(k_j) of query head h of sequence b.
double product(const Case& c, const Values& x, int64_t b, int64_t h, int64_t i, int64_t j) {
  const int64_t kv = h / (c.heads / c.kv_heads);
  double sum = 0;
  for (int64_t d = 0; d < c.head_dim; ++d) {
    sum += phi(c, x.q[size_t(((b * c.time + i) * c.heads + h) * c.head_dim + d)]) *
           phi(c, x.k[size_t(((b * c.time + j) * c.kv_heads + kv) * c.head_dim + d)]);
  }
  return sum;
}
/// o from weights by distance: weight(i, j) in the closed form of the paper.
template <class Weight>
Array by_weights(const Case& c, const Values& x, Weight weight) {
  Array o;
  const double scale = c.scale == 0 ? 1 / std::sqrt(double(c.head_dim)) : c.scale;
  for (int64_t row = 0; row < c.batch * c.time * c.heads; ++row) {
    const int64_t h = row % c.heads, i = row / c.heads % c.time, b = row / c.heads / c.time;
    const int64_t kv = h / (c.heads / c.kv_heads);
    double total = 0;
    Array sum(size_t(c.value_dim), 0);
    for (int64_t j = 0; j <= i; ++j) {
      const double a = product(c, x, b, h, i, j);
      total += a;
      for (int64_t e = 0; e < c.value_dim; ++e) {
        sum[size_t(e)] +=
            weight(i, j) * a * x.v[size_t(((b * c.time + j) * c.kv_heads + kv) * c.value_dim + e)];
      }
    }
    const double factor = !normalises(c) ? scale : total == 0 ? 0 : 1 / total;
    for (const double s : sum) o.push_back(s * factor);
  }
  return o;
}
Array closed_form(const Case& c, const Values& x) {
  const double mu = momentum_of(c);
  return by_weights(c, x, [mu](int64_t i, int64_t j) {
    return (1 - std::pow(mu, double(i - j + 1))) / (1 - mu);
  });
}
/// The same, as the published parallel code has it: the length of the sequence instead of i.
Array wrong_parallel_form(const Case& c, const Values& x) {
  const double mu = momentum_of(c);
  return by_weights(c, x, [mu, &c](int64_t, int64_t j) {
    return (1 - std::pow(mu, double(c.time - j))) / (1 - mu);
  });
}
/// p = mu p + phi(k) v^T, S = S + p, o = phi(q)^T S / phi(q).z: one head.
Array recurrence(const Case& c, const Values& x) {
  const auto dim = size_t(c.head_dim), edim = size_t(c.value_dim);
  Array p(dim * edim, 0), s(dim * edim, 0), z(dim, 0), o;
  for (size_t t = 0; t < size_t(c.time); ++t) {
    Array sum(edim, 0);
    double total = 0;
    for (size_t d = 0; d < dim; ++d) {
      const double q = phi(c, x.q[t * dim + d]), k = phi(c, x.k[t * dim + d]);
      z[d] += k;
      total += q * z[d];
      for (size_t e = 0; e < edim; ++e) {
        double& step = p[d * edim + e];
        step = momentum_of(c) * step + k * x.v[t * edim + e];
        s[d * edim + e] += step;
        sum[e] += q * s[d * edim + e];
      }
    }
    for (const double e : sum) {
      o.push_back(normalises(c) ? e / total : e / std::sqrt(double(c.head_dim)));
    }
  }
  return o;
}

TEST(Linear, IsItsClosedWeights) {
  for (const Given& args : combinations()) {
    Case c = linear(150, args);
    c.batch = 2, c.heads = 4, c.kv_heads = 2, c.head_dim = 10, c.value_dim = 7;
    std::string what;
    trace(c, what);
    SCOPED_TRACE(what);
    const Values x = random_values(c);
    const Array want = closed_form(c, x);
    c.type = DType::f64;
    EXPECT_LT(error(attend(c, x).o, want), 1e-13);
    c.type = DType::f32;
    EXPECT_LT(error(attend(c, x).o, want), 5e-6);
    c.type = DType::bf16;
    EXPECT_LT(error(attend(c, x).o, want), 4e-3);
  }
}

TEST(Linear, IsItsRecurrence) {
  for (const Given& args : combinations()) {
    Case c = linear(130, args);
    c.type = DType::f64;
    const Values x = random_values(c);
    EXPECT_LT(error(recurrence(c, x), closed_form(c, x)), 1e-13);
    EXPECT_LT(error(attend(c, x).o, recurrence(c, x)), 1e-13);
  }
}

// Token by token, in chunks of any length, and all at once: the same at every position.
TEST(Linear, DecodesWhatItTrains) {
  for (const Given& args : combinations()) {
    for (const DType type : {DType::f64, DType::f32, DType::bf16}) {
      Case c = linear(150, args);
      c.heads = 6, c.kv_heads = 2, c.head_dim = 20, c.value_dim = 12, c.type = type;
      std::string what;
      trace(c, what);
      SCOPED_TRACE(what + " " + std::string(name_of(type)));
      const Values x = random_values(c);
      const Array full = attend(c, x).o;
      for (const int64_t size : {1, 3, 64, 100, 150}) {
        std::vector<int64_t> chunks;
        for (int64_t at = 0; at < c.time; at += size) chunks.push_back(std::min(size, c.time - at));
        const double limit = type == DType::f64 ? 1e-13 : type == DType::f32 ? 5e-6 : 8e-3;
        EXPECT_LT(error(attend_in_chunks(c, x, chunks).o, full), limit) << "chunks of " << size;
      }
    }
  }
}

// The check above must not be blind: weights with the length of the sequence in the exponent agree
// with the recurrence in the last row only.
TEST(Linear, TheDecodeCheckFailsThePublishedParallelForm) {
  const Case c = linear(8, given("elu1", true, 0.9));
  const Values x = random_values(c);
  const Array wrong = wrong_parallel_form(c, x), want = recurrence(c, x);
  for (int64_t t = 0; t < 7; ++t) {
    EXPECT_GT(error(rows_of(wrong, 8, t, t + 1), rows_of(want, 8, t, t + 1)), 1e-3) << t;
  }
  EXPECT_LT(error(rows_of(wrong, 8, 7, 8), rows_of(want, 8, 7, 8)), 1e-13);
  EXPECT_GT(error(wrong, want), 0.1);
}

/// One head whose products are one: o with one-hot values is the matrix of c.
Array weights_by_distance(int64_t time, double momentum, DType type) {
  Case c = linear(time, given("identity", false, momentum));
  c.head_dim = 1, c.value_dim = time, c.scale = 1, c.type = type;
  Values x = random_values(c);
  std::fill(x.q.begin(), x.q.end(), 1);
  std::fill(x.k.begin(), x.k.end(), 1);
  std::fill(x.v.begin(), x.v.end(), 0);
  for (size_t j = 0; j < size_t(time); ++j) x.v[j * size_t(time + 1)] = 1;
  return attend(c, x).o;
}

TEST(Linear, MomentumCountsTheDistance) {
  constexpr int64_t kTime = 150;
  for (const auto& [momentum, type, limit] :
       {std::tuple{0., DType::f64, 0.}, std::tuple{0., DType::f32, 0.},
        std::tuple{1 - 1e-14, DType::f64, 1e-9}, std::tuple{1 - 1e-9, DType::f32, 2e-5}}) {
    const Array w = weights_by_distance(kTime, momentum, type);
    for (int64_t i = 0; i < kTime; ++i) {
      for (int64_t j = 0; j < kTime; ++j) {
        const double want = j > i ? 0 : momentum == 0 ? 1 : double(i - j + 1);
        ASSERT_NEAR(w[size_t(i * kTime + j)], want, limit) << momentum << " " << i << " " << j;
      }
    }
  }
}

// Attn(Z) = P Z M (Z^T Q Z) of arXiv 2310.01082, where the score of key i for query t is z_i^T Q
// z_t: queries Q z_t, keys z_i, values P z_i. Column t sees the whole context, so the columns ask
// in rows of their own behind it, and the last column is nobody's key (M).
TEST(Linear, IdentityIsTheAttentionOfInContextRegression) {
  constexpr size_t kContext = 20, D = 6;
  const Random random(5, "Z");
  Array Z(D * (kContext + 1)), P(D * D), Q(D * D);
  uint64_t n = 0;
  for (Array* a : {&Z, &P, &Q}) {
    for (double& e : *a) e = random.normal(n++);
  }
  const auto z = [&](size_t row, size_t column) { return Z[row * (kContext + 1) + column]; };
  Array want(D * (kContext + 1), 0), transposed_q = want;
  for (size_t t = 0; t <= kContext; ++t) {
    for (size_t i = 0; i < kContext; ++i) {  // M = diag(1, ..., 1, 0)
      double score = 0, other = 0;
      for (size_t a = 0; a < D; ++a) {
        for (size_t b = 0; b < D; ++b) {
          score += z(a, i) * Q[a * D + b] * z(b, t);
          other += z(a, i) * Q[b * D + a] * z(b, t);
        }
      }
      for (size_t a = 0; a < D; ++a) {
        double value = 0;
        for (size_t b = 0; b < D; ++b) value += P[a * D + b] * z(b, i);
        want[t * D + a] += score * value;
        transposed_q[t * D + a] += other * value;
      }
    }
  }
  Case c = linear(2 * kContext + 1, given("identity", false, 0));
  c.head_dim = c.value_dim = D, c.scale = 1, c.type = DType::f64;
  Values x = random_values(c);
  for (Array* a : {&x.q, &x.k, &x.v}) std::fill(a->begin(), a->end(), 0);
  for (size_t a = 0; a < D; ++a) {
    for (size_t i = 0; i < kContext; ++i) x.k[i * D + a] = z(a, i);
    for (size_t b = 0; b < D; ++b) {
      for (size_t i = 0; i < kContext; ++i) x.v[i * D + a] += P[a * D + b] * z(b, i);
      for (size_t t = 0; t <= kContext; ++t) {
        x.q[(kContext + t) * D + a] += Q[a * D + b] * z(b, t);
      }
    }
  }
  for (const int64_t row : {0, 7, 19}) {
    EXPECT_EQ(rows_of(attend(c, x).o, c.time, row, row + 1), Array(D, 0));  // they ask nothing
  }
  const Array got = rows_of(attend(c, x).o, c.time, kContext, c.time);
  for (size_t t = 0; t <= kContext; ++t) {
    for (size_t a = 0; a < D; ++a) ASSERT_NEAR(got[t * D + a], want[t * D + a], 1e-11) << t;
  }
  EXPECT_GT(error(got, transposed_q), 0.1);  // the orientation matters
}

// A query that no feature answers has a row of zeros, and asks nothing of anybody.
TEST(Linear, AnEmptyDivisorGivesZeros) {
  for (const double momentum : {0., 0.5}) {
    for (const DType type : {DType::f64, DType::f32}) {
      Case c = linear(70, given("relu", true, momentum));
      c.type = type;
      Values x = random_values(c);
      for (const size_t row : {size_t(0), size_t(5), size_t(69)}) {
        for (size_t d = 0; d < 8; ++d) x.q[row * 8 + d] = -1 - double(d);
      }
      const Outcome r = attend(c, x);
      for (const int64_t row : {0, 5, 69}) {
        EXPECT_EQ(rows_of(r.o, 70, row, row + 1), Array(8, 0));
        for (const double d : rows_of(r.dq, 70, row, row + 1)) EXPECT_EQ(d, 0);
      }
      Values y = x;  // what such rows pass back is nothing
      for (const size_t row : {size_t(0), size_t(5), size_t(69)}) {
        for (size_t d = 0; d < 8; ++d) y.dx[row * 8 + d] = 0;
      }
      const Outcome q = attend(c, y);
      EXPECT_EQ(r.dk, q.dk);
      EXPECT_EQ(r.dv, q.dv);
      for (const Array* a : {&r.o, &r.dq, &r.dk, &r.dv}) {
        for (const double e : *a) ASSERT_TRUE(std::isfinite(e));
      }
    }
  }
}

TEST(Linear, ThreadsHaveNoInfluence) {
  for (const DType type : {DType::f32, DType::bf16, DType::f64}) {
    Case c = linear(200, given("elu1", true, 0.5));
    c.batch = 2, c.heads = 4, c.kv_heads = 2, c.type = type;
    const Values x = random_values(c);
    const Outcome one = attend(c, x);
    for (const int threads : {2, 5}) {
      c.threads = threads;
      const Outcome r = attend(c, x);
      EXPECT_TRUE(r.o == one.o && r.dq == one.dq && r.dk == one.dk && r.dv == one.dv);
    }
  }
}

TEST(Linear, LengthsAndHeadSizes) {
  const auto expect_close = [](Case c) {
    const Values x = random_values(c);
    Case exact = c;
    exact.type = DType::f64;
    const Outcome want = attend(exact, x);
    for (const DType type : {DType::f32, DType::bf16}) {
      c.type = type;
      std::string what;
      trace(c, what);
      SCOPED_TRACE(what + " T " + std::to_string(c.time) + " D " + std::to_string(c.head_dim) +
                   " " + std::string(name_of(type)));
      const Outcome got = attend(c, x);
      EXPECT_LT(error(got.o, want.o), type == DType::f32 ? 5e-6 : 4e-3);
      EXPECT_LT(error(got.dq, want.dq), type == DType::f32 ? 1e-5 : 5e-3);
      EXPECT_LT(error(got.dk, want.dk), type == DType::f32 ? 1e-5 : 5e-3);
      EXPECT_LT(error(got.dv, want.dv), type == DType::f32 ? 1e-5 : 5e-3);
    }
  };
  for (const Given& args :
       {given("elu1", true, 0), given("elu1", true, 0.9), given("identity", false, 0.5)}) {
    for (const int64_t time : {1, 2, 15, 16, 17, 31, 63, 64, 65, 127, 129, 500}) {
      expect_close(linear(time, args));
    }
    for (const auto& [d, e] : {std::pair<int64_t, int64_t>{3, 1},
                               {7, 16},
                               {16, 7},
                               {50, 100},
                               {64, 64},
                               {100, 3},
                               {128, 64}}) {
      Case c = linear(70, args);
      c.head_dim = d, c.value_dim = e;
      expect_close(c);
    }
  }
  expect_close(linear(3000));
}

TEST(Linear, EveryInstructionSetAgrees) {
  Case c = linear(150, given("elu1", true, 0.5));
  c.heads = 2, c.kv_heads = 1, c.head_dim = 20;
  const Values x = random_values(c);
  const Outcome best = attend(c, x);
  std::vector<std::string> kernels = {"ref"};
  for (const Isa isa : isas_here()) kernels.emplace_back(name_of(isa));
  for (const std::string& kernel : kernels) {
    c.kernel = kernel;
    const Outcome r = attend(c, x);
    EXPECT_LT(error(r.o, best.o), 5e-6) << kernel;
    EXPECT_LT(error(r.dq, best.dq), 1e-5) << kernel;
    EXPECT_LT(error(r.dk, best.dk), 1e-5) << kernel;
    EXPECT_LT(error(r.dv, best.dv), 1e-5) << kernel;
  }
}

/// Heads `from` of rows of `heads` heads, each added to the head that it is.
Array summed(const Array& parts, int64_t heads, int64_t dim, const std::vector<int64_t>& from) {
  Array sums(parts.size(), 0);
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto h = int64_t(i) / dim % heads;
    sums[size_t(int64_t(i) + (from[size_t(h)] - h) * dim)] += parts[i];
  }
  return sums;
}

// Wiring may let heads share keys, or values, or either with different partners.
TEST(Linear, SharedKeysAndValuesAreRepeatedOnes) {
  for (const DType type : {DType::f64, DType::f32}) {
    Case full = linear(75, given("elu1", true, 0.5));
    full.batch = 2, full.heads = 8, full.kv_heads = 4, full.type = type;
    Case shared = full;
    shared.k_from = {0, 0, 1, 2};
    shared.v_from = {0, 1, 1, 3};  // heads 0, 1 and 2 hang together
    const Values x = random_values(full);
    Values y = x;
    y.k = permuted(x.k, 8, shared.k_from);
    y.v = permuted(x.v, 8, shared.v_from);
    const Outcome got = attend(shared, x), want = attend(full, y);
    EXPECT_EQ(got.o, want.o);
    EXPECT_EQ(got.dq, want.dq);
    const Array dk = summed(want.dk, 4, 8, shared.k_from);
    const Array dv = summed(want.dv, 4, 8, shared.v_from);
    for (size_t i = 0; i < dk.size(); ++i) {  // columns that nobody reads have no gradient: NaN
      const size_t head = i / 8 % 4;
      if (head != 3) {
        ASSERT_NEAR(got.dk[i], dk[i], 2e-6 * (1 + std::abs(dk[i])));
      }
      if (head != 2) {
        ASSERT_NEAR(got.dv[i], dv[i], 2e-6 * (1 + std::abs(dv[i])));
      }
      ASSERT_EQ(std::isnan(got.dk[i]), head == 3);
      ASSERT_EQ(std::isnan(got.dv[i]), head == 2);
    }
  }
}

TEST(Linear, DocumentsAreSeparateSequences) {
  for (const Given& args : {given("elu1", true, 0), given("relu", false, 0.5)}) {
    for (const std::vector<int64_t>& cuts :
         {std::vector<int64_t>{0, 1, 2, 3}, {0, 15, 100, 300, 400}, {0, 64, 191}, {0, 128, 129}}) {
      Case c = linear(cuts.back(), args);
      c.heads = 2;
      for (size_t n = 0; n + 1 < cuts.size(); ++n) {
        c.first_key.insert(c.first_key.end(), size_t(cuts[n + 1] - cuts[n]), int32_t(cuts[n]));
      }
      const Values x = random_values(c);
      const Outcome packed = attend(c, x);
      for (size_t n = 0; n + 1 < cuts.size(); ++n) {
        const auto part = [&](const Array& a) { return rows_of(a, c.time, cuts[n], cuts[n + 1]); };
        Case alone = c;
        alone.time = cuts[n + 1] - cuts[n];
        alone.first_key.clear();
        const Outcome r = attend(alone, {part(x.q), part(x.k), part(x.v), part(x.dx), {}, {}});
        // Chunks are cut within a document, so not even the bits depend on the packing.
        EXPECT_EQ(part(packed.o), r.o);
        EXPECT_EQ(part(packed.dq), r.dq);
        EXPECT_EQ(part(packed.dk), r.dk);
        EXPECT_EQ(part(packed.dv), r.dv);
      }
    }
  }
}

TEST(Linear, ANotANumberReachesOnlyRowsThatSeeIt) {
  for (const double momentum : {0., 0.5}) {
    for (const bool in_key : {true, false}) {
      for (const int64_t at : {5, 64, 70}) {
        const Case c = linear(100, given("elu1", true, momentum));
        Values x = random_values(c);
        const Outcome clean = attend(c, x);
        (in_key ? x.k : x.v)[size_t(at * 8 + 3)] = std::nan("");
        const Outcome r = attend(c, x);
        EXPECT_EQ(rows_of(r.o, 100, 0, at), rows_of(clean.o, 100, 0, at));
        EXPECT_EQ(rows_of(r.dq, 100, 0, at), rows_of(clean.dq, 100, 0, at));
        EXPECT_TRUE(std::isnan(r.o[size_t(at * 8 + 3)]));
        EXPECT_TRUE(std::isnan(r.o[size_t(99 * 8 + 3)]));
      }
    }
  }
}

TEST(Linear, TheFutureHasNoInfluence) {
  const Case c = linear(100);
  Values x = random_values(c);
  const Outcome before = attend(c, x);
  for (size_t i = 50 * 8; i < 100 * 8; ++i) x.k[i] = -x.k[i], x.v[i] += 1, x.q[i] += 1;
  EXPECT_EQ(rows_of(attend(c, x).o, 100, 0, 50), rows_of(before.o, 100, 0, 50));
}

OpPlan plan_of(const AttentionSpec& spec, DType type, int64_t time, const TensorDesc* state) {
  const TensorDesc rows{type, Shape{time, 64}};
  std::vector<TensorDesc> in = {rows, rows, rows};
  if (state != nullptr) in.push_back(*state);
  PlanContext context;
  context.runtime = Runtime::best();
  context.time = time;
  context.training = state == nullptr;
  return make_attention(spec)->plan(in, context);
}
AttentionSpec one_head() {
  AttentionSpec s;
  s.mechanism = "linear";
  s.q = {{0, 0}}, s.k = {{1, 0}}, s.v = {{2, 0}};
  return s;
}

// Nothing is saved, and a state is kept for each chunk of 64 rows: no more than the row itself.
TEST(Linear, MemoryIsLinearInTheLength) {
  for (const char* momentum : {"0", "0.5"}) {
    AttentionSpec spec = one_head();
    spec.args = Args("linear", MechanismRegistry().find("linear").args,
                     {{"momentum", std::stod(momentum)}});
    const OpPlan small = plan_of(spec, DType::f32, 2048, nullptr);
    const OpPlan large = plan_of(spec, DType::f32, 32768, nullptr);
    EXPECT_TRUE(large.saved.empty());
    EXPECT_EQ(large.forward_scratch, small.forward_scratch);
    EXPECT_LE(large.backward_scratch, 16 * small.backward_scratch);
    const double threads = Runtime::best().threads;
    EXPECT_LT(double(large.backward_scratch), threads * 32768. * 64 * 4 * 5);
  }
}

TEST(Linear, RefusesWhatARecurrentStateCannotDo) {
  EXPECT_NO_THROW(make_attention(one_head()));
  AttentionSpec s = one_head();
  s.window = 3;
  EXPECT_THROW(make_attention(s), Error);
  s = one_head(), s.slopes = {0.5};
  EXPECT_THROW(make_attention(s), Error);
  s = one_head(), s.k_past = {{3, 0}}, s.v_past = {{4, 0}};
  EXPECT_THROW(make_attention(s), Error);
  s = one_head(), s.mechanism = "softmax", s.state = 3;
  EXPECT_THROW(make_attention(s), Error);
  s = one_head(), s.return_remainder = true;
  EXPECT_THROW(make_attention(s), Error);
  for (const double momentum : {1., -0.1, 1.5}) {
    EXPECT_THROW(
        {
          s = one_head();
          s.args =
              Args("linear", MechanismRegistry().find("linear").args, {{"momentum", momentum}});
          make_attention(s);
        },
        Error)
        << momentum;
  }
}

TEST(Linear, TheStateHasTheShapeOfThePlan) {
  AttentionSpec s = one_head();
  s.state = 3;
  const TensorDesc fits{DType::f32, Shape{1, 1, 64, 65}};
  EXPECT_NO_THROW(plan_of(s, DType::f32, 4, &fits));
  EXPECT_NO_THROW(plan_of(s, DType::bf16, 4, &fits));
  for (const TensorDesc& wrong :
       {TensorDesc{DType::bf16, Shape{1, 1, 64, 65}}, TensorDesc{DType::f32, Shape{1, 1, 64, 64}},
        TensorDesc{DType::f32, Shape{1, 64, 65}}}) {
    EXPECT_THROW(plan_of(s, DType::f32, 4, &wrong), Error) << wrong.str();
  }
  EXPECT_THROW(plan_of(s, DType::f64, 4, &fits), Error);
  s.state = 4;
  EXPECT_THROW(plan_of(s, DType::f32, 4, &fits), Error);
  s.state = 3;
  const TensorDesc rows{DType::f32, Shape{4, 64}};
  const TensorDesc in[] = {rows, rows, rows, fits};
  PlanContext context;
  context.time = 4;
  context.training = true;  // a state takes no gradient
  EXPECT_THROW(make_attention(s)->plan(in, context), Error);
}

}  // namespace
}  // namespace weft::test
