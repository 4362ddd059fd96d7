// What holds for every mechanism: kernels against the formula, shapes, masks, documents, threads.
#include "attention/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "attention/addressing.h"
#include "attention/fixture_test.h"
#include "base/error.h"
#include "ops/test_support/expect_rows.h"

namespace weft::test {
namespace {

TEST(Attention, EveryKernelAgainstTheFormula) {
  std::map<std::string, std::vector<KernelRow>> by_op;
  for (KernelRow& row : check_attention(Runtime::best())) by_op[row.op].push_back(row);
  for (const std::string& mechanism : mechanisms()) {
    EXPECT_EQ(by_op.count("attention " + mechanism), 1u);
  }
  for (const auto& [op, rows] : by_op) expect_rows(rows);
}

void expect_close(const Case& c, double forward, double backward) {
  const Values x = random_values(c);
  Case exact = c;
  exact.type = DType::f64;
  const Outcome want = attend(exact, x), got = attend(c, x);
  EXPECT_LT(error(got.o, want.o), forward);
  if (!want.rem.empty()) {
    EXPECT_LT(error(got.rem, want.rem), forward);
  }
  EXPECT_LT(error(got.dq, want.dq), backward);
  EXPECT_LT(error(got.dk, want.dk), backward);
  EXPECT_LT(error(got.dv, want.dv), backward);
}

TEST(Attention, G4Lengths) {
  for (const std::string& mechanism : mechanisms()) {
    for (const int64_t time : {15, 16, 17, 31, 33, 63, 64, 65, 127, 129, 257, 500, 1000, 4097}) {
      // Of 8 million scores some lie within their rounding of the kink, on either side of it.
      if (mechanism == "relu" && time > 1000) continue;
      SCOPED_TRACE(mechanism + " " + std::to_string(time));
      expect_close({.time = time, .head_dim = 64, .value_dim = 64, .mechanism = mechanism}, 2e-6,
                   5e-6);
    }
  }
}

// Weights and score gradients are rounded once more, before their products (decision 10).
constexpr double kBf16 = 6e-3;

TEST(Attention, G5HeadSizes) {
  for (const std::string& mechanism : mechanisms()) {
    for (const int64_t dim : {1, 7, 16, 50, 60, 64, 80, 96, 100, 128, 256}) {
      SCOPED_TRACE(mechanism + " " + std::to_string(dim));
      Case c{.time = 70, .head_dim = dim, .value_dim = dim, .mechanism = mechanism};
      expect_close(c, 2e-6, 5e-6);
      c.type = DType::bf16;
      expect_close(c, kBf16, kBf16);
    }
    for (const auto& [d, e] : {std::pair<int64_t, int64_t>{64, 128}, {256, 64}}) {
      expect_close({.time = 70, .head_dim = d, .value_dim = e, .mechanism = mechanism}, 2e-6, 5e-6);
      expect_close(
          {.time = 70, .head_dim = d, .value_dim = e, .mechanism = mechanism, .type = DType::bf16},
          kBf16, kBf16);
    }
  }
}

/// Every kv head repeated `times` times in a row (or the whole set of heads repeated).
Array repeat_heads(const Array& a, int64_t heads, int64_t dim, int64_t times, bool interleave) {
  Array out;
  for (size_t row = 0; row < a.size() / size_t(heads * dim); ++row) {
    for (int64_t h = 0; h < heads * times; ++h) {
      const int64_t from = interleave ? h / times : h % heads;
      for (int64_t d = 0; d < dim; ++d) {
        out.push_back(a[row * size_t(heads * dim) + size_t(from * dim + d)]);
      }
    }
  }
  return out;
}

TEST(Attention, G6GroupedHeadsAreRepeatedHeads) {
  for (const std::string& mechanism : mechanisms()) {
    for (const int64_t kv : {1, 2, 4, 8}) {
      Case c{.batch = 2,
             .time = 127,
             .heads = 8,
             .kv_heads = kv,
             .head_dim = 12,
             .value_dim = 12,
             .mechanism = mechanism};
      const Values x = random_values(c);
      const Outcome grouped = attend(c, x);
      Case full = c;
      full.kv_heads = 8;
      const auto repeated = [&](bool interleave) {
        Values y = x;
        y.k = repeat_heads(x.k, kv, 12, 8 / kv, interleave);
        y.v = repeat_heads(x.v, kv, 12, 8 / kv, interleave);
        return attend(full, y);
      };
      const Outcome r = repeated(true);
      EXPECT_EQ(grouped.o, r.o);
      EXPECT_LT(error(grouped.dq, r.dq), 1e-6);
      Array dk(grouped.dk.size(), 0);
      for (size_t i = 0; i < r.dk.size(); ++i) {
        const size_t row = i / 96, h = i % 96 / 12, d = i % 12;
        dk[row * size_t(kv) * 12 + h / size_t(8 / kv) * 12 + d] += r.dk[i];
      }
      EXPECT_LT(error(grouped.dk, dk), 2e-6);
      if (kv > 1 && kv < 8) {
        EXPECT_GT(error(grouped.o, repeated(false).o), 1e-2);
      }
    }
  }
}

/// Documents that begin at `cuts` give what each gives as a sequence of its own.
void expect_separate(const Case& c, const std::vector<int64_t>& cuts) {
  const Values x = random_values(c);
  const Outcome packed = attend(c, x);
  for (size_t n = 0; n + 1 < cuts.size(); ++n) {
    if (cuts[n] == cuts[n + 1]) continue;
    const auto part = [&](const Array& a) { return rows_of(a, c.time, cuts[n], cuts[n + 1]); };
    Case alone = c;
    alone.time = cuts[n + 1] - cuts[n];
    alone.first_key.clear();
    const Outcome r =
        attend(alone, {part(x.q), part(x.k), part(x.v), part(x.dx), part(x.drem), {}});
    EXPECT_EQ(part(packed.o), r.o);
    EXPECT_EQ(part(packed.dq), r.dq);
    EXPECT_LT(error(part(packed.dk), r.dk), 2e-6);
    EXPECT_LT(error(part(packed.dv), r.dv), 2e-6);
  }
}

TEST(Attention, G7PackedDocumentsAreSeparateSequences) {
  const std::vector<int64_t> packings[] = {
      {0, 15},      {0, 1, 2, 3}, {0, 15, 100, 300, 1200, 2000},
      {0, 64, 191}, {0, 0, 7},    {0, 256, 500, 1000}};
  for (const std::string& mechanism : mechanisms()) {
    for (const int64_t window : {0, 1, 5, 70}) {
      for (const std::vector<int64_t>& cuts : packings) {
        Case c{.time = cuts.back(),
               .heads = 2,
               .kv_heads = 1,
               .mechanism = mechanism,
               .window = window};
        for (size_t n = 0; n + 1 < cuts.size(); ++n) {
          for (int64_t i = cuts[n]; i < cuts[n + 1]; ++i) c.first_key.push_back(int32_t(cuts[n]));
        }
        expect_separate(c, cuts);
      }
    }
  }
}

// Wiring may let heads share keys, or values, or either with different partners.
TEST(Attention, SharedKeysAndValuesAreRepeatedOnes) {
  constexpr int64_t kDim = 12, kHeads = 4;
  for (const std::string& mechanism : mechanisms()) {
    for (const DType type : {DType::f32, DType::f64}) {
      Case full{.batch = 2,
                .time = 75,
                .heads = 8,
                .kv_heads = kHeads,
                .head_dim = kDim,
                .value_dim = kDim,
                .mechanism = mechanism,
                .type = type};
      Case shared = full;
      shared.k_from = {0, 0, 1, 3};
      shared.v_from = {0, 1, 1, 2};  // heads 0, 1 and 2 hang together
      const Values x = random_values(full);
      Values y = x;
      y.k = permuted(x.k, kDim, shared.k_from);
      y.v = permuted(x.v, kDim, shared.v_from);
      const Outcome got = attend(shared, x), want = attend(full, y);
      EXPECT_EQ(got.o, want.o);
      EXPECT_EQ(got.dq, want.dq);
      const auto expect_sums = [&](const Array& sums, const Array& parts,
                                   const std::vector<int64_t>& from) {
        for (int64_t head = 0; head < kHeads; ++head) {
          Array a, b;
          bool read = false;
          for (size_t row = 0; row < size_t(full.batch * full.time); ++row) {
            for (size_t d = 0; d < size_t(kDim); ++d) {
              a.push_back(sums[(row * size_t(kHeads) + size_t(head)) * size_t(kDim) + d]);
              b.push_back(0);
              for (size_t h = 0; h < from.size(); ++h) {
                if (from[h] != head) continue;
                read = true;
                b.back() += parts[(row * size_t(kHeads) + h) * size_t(kDim) + d];
              }
            }
          }
          if (read) {
            EXPECT_LT(error(a, b), 2e-6) << head;
          } else {
            EXPECT_TRUE(std::all_of(a.begin(), a.end(), [](double e) { return std::isnan(e); }));
          }
        }
      };
      expect_sums(got.dk, want.dk, shared.k_from);
      expect_sums(got.dv, want.dv, shared.v_from);
    }
  }
}

void expect_only_rows_that_see_it(DType type) {
  for (const auto& [c, trace] : variants({.time = 100, .type = type})) {
    SCOPED_TRACE(trace);
    // A remainder spent on the own value shows that value to its row under strict masks too.
    const MechanismSettings s = settings_of(c);
    for (const bool in_key : {true, false}) {
      const bool strict = s.strict && (in_key || s.remainder != Remainder::self_value);
      for (const int64_t at : {5, 64, 70, 97}) {
        for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
          Values x = random_values(c);
          const Outcome clean = attend(c, x);
          (in_key ? x.k : x.v)[size_t(at * 8 + 3)] = bad;
          const Outcome r = attend(c, x);
          const int64_t seen_from = strict ? at + 1 : at;
          EXPECT_EQ(rows_of(r.o, 100, 0, seen_from), rows_of(clean.o, 100, 0, seen_from));
          EXPECT_EQ(rows_of(r.dq, 100, 0, seen_from), rows_of(clean.dq, 100, 0, seen_from));
          if (std::isnan(bad)) {
            EXPECT_TRUE(std::isnan(r.o[size_t(seen_from * 8 + 3)]));
          }
        }
      }
    }
  }
}

TEST(Attention, G15ANotANumberReachesOnlyRowsThatSeeIt) {
  for (const DType type : {DType::f32, DType::bf16}) expect_only_rows_that_see_it(type);
}

TEST(Attention, G18ThreadsHaveNoInfluence) {
  const Case base{
      .time = 600, .heads = 4, .kv_heads = 2, .head_dim = 16, .value_dim = 16, .type = DType::bf16};
  for (auto [c, trace] : variants(base)) {
    SCOPED_TRACE(trace);
    const Values x = random_values(c);
    const Outcome one = attend(c, x);
    for (const int threads : {2, 5}) {
      c.threads = threads;
      const Outcome r = attend(c, x);
      EXPECT_TRUE(r.o == one.o && r.rem == one.rem && r.dq == one.dq && r.dk == one.dk &&
                  r.dv == one.dv && r.dw == one.dw && r.dsink == one.dsink);
    }
  }
}

TEST(Attention, G19AddressesBeyondTwoToTheThirtyOne) {
  const HeadSource head{0, 7, int64_t{3} << 20};
  alignas(64) static float anchor[1];
  const void* in[] = {anchor};
  AttentionRun run{};
  run.in = in;
  run.time = int64_t{1} << 20;
  const auto distance = [&](const void* p) {
    return static_cast<int64_t>(reinterpret_cast<uintptr_t>(p) -
                                reinterpret_cast<uintptr_t>(anchor));
  };
  EXPECT_EQ(distance(fresh_row<float>(run, head, int64_t{1} << 20)),
            4 * (((int64_t{3} << 20) << 20) + 7));
  const HeadSource cache{head.input, head.column, head.width, int64_t{1} << 20};
  EXPECT_EQ(distance(cached_row<float>(run, cache, 3, 128, 5)),
            4 * ((3 * (int64_t{3} << 20) + 7) * (int64_t{1} << 20) + 5) * 128);
}

TEST(Attention, WindowCountsVisibleKeys) {
  for (const auto& [plain, trace] : variants({.time = 150})) {
    SCOPED_TRACE(trace);
    for (const int64_t window : {1, 5, 64, 70}) {
      Case c = plain;
      c.window = window;
      Values x = random_values(c);
      const int64_t strict = settings_of(c).strict ? 1 : 0;
      const int64_t last = 149 - strict - window;  // nearest key that row 149 does not see
      for (size_t d = 0; d < 8; ++d) {             // the one after it has a score above 0
        x.k[size_t(last + 1) * 8 + d] = x.q[149 * 8 + d];
      }
      const Outcome before = attend(c, x);
      for (int64_t d = 0; d < 8; ++d) x.v[size_t(last * 8 + d)] += 1;
      EXPECT_EQ(rows_of(attend(c, x).o, 150, 149, 150), rows_of(before.o, 150, 149, 150));
      for (int64_t d = 0; d < 8; ++d)
        x.v[size_t((last + 1) * 8 + d)] += 1e30;  // its weight is small
      EXPECT_NE(rows_of(attend(c, x).o, 150, 149, 150), rows_of(before.o, 150, 149, 150));
    }
  }
}

TEST(Attention, TheFutureHasNoInfluence) {
  for (const auto& [c, trace] : variants({.time = 100})) {
    SCOPED_TRACE(trace);
    Values x = random_values(c);
    const Outcome before = attend(c, x);
    for (size_t i = 50 * 8; i < 100 * 8; ++i) x.k[i] = -x.k[i], x.v[i] += 1, x.q[i] += 1;
    EXPECT_EQ(rows_of(attend(c, x).o, 100, 0, 50), rows_of(before.o, 100, 0, 50));
  }
}

TEST(Attention, RefusesWhatCannotWork) {
  const auto refused = [](AttentionSpec spec) {
    try {
      make_attention(spec);
      return false;
    } catch (const Error&) {
      return true;
    }
  };
  AttentionSpec fine;
  fine.q = {{0, 0}};
  fine.k = {{1, 0}};
  fine.v = {{2, 0}};
  EXPECT_FALSE(refused(fine));
  AttentionSpec s = fine;
  s.mechanism = "softmaxx";
  EXPECT_TRUE(refused(s));
  s = fine, s.heads = 3, s.kv_heads = 2;
  EXPECT_TRUE(refused(s));
  s = fine, s.v = {{1, 32}};  // overlaps the keys
  EXPECT_TRUE(refused(s));
  s = fine, s.k.clear();
  EXPECT_TRUE(refused(s));
  s = fine, s.return_remainder = true;  // softmax leaves nothing
  EXPECT_TRUE(refused(s));
  s = fine, s.parameters = {3};  // it has none
  EXPECT_TRUE(refused(s));
  s = fine, s.slopes = {1, 2};
  EXPECT_TRUE(refused(s));
  s = fine, s.mechanism = "stick-breaking";
  const MechanismRegistry registry;
  const std::span<const ArgSpec> args = registry.find("stick-breaking").args;
  s.args = Args("stick-breaking", args, {{"remainder", Arg(std::string("learned"))}});
  EXPECT_TRUE(refused(s));  // no input for it
  s.args = Args("stick-breaking", args, {{"early_exit", Arg(std::string("sometimes"))}});
  EXPECT_TRUE(refused(s));
}

TEST(Attention, RegistriesTakeNewNamesOnly) {
  MechanismRegistry registry;
  MechanismInfo own = registry.find("softmax");
  EXPECT_THROW(registry.add(own), Error);
  own.name = "mine";
  registry.add(own);
  EXPECT_EQ(&registry.find("mine"), &own);
  AttentionSpec s;
  s.mechanism = "mine";
  s.q = {{0, 0}}, s.k = {{1, 0}}, s.v = {{2, 0}};
  EXPECT_NE(make_attention(s, registry), nullptr);
}

}  // namespace
}  // namespace weft::test
