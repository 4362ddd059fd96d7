// Segments of keys as affine maps (G17): a row walked in parts, forward and backward.
#include "attention/mechanisms/segments.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "attention/fixture_test.h"
#include "base/random.h"

namespace weft::test {
namespace {

constexpr int64_t kKeys = 200, kDim = 3, kValueDim = 2;

/// One query after `keys` keys; the rows of earlier queries are there and have no gradient.
Case case_of(int64_t keys, DType type) {
  return {.time = keys + 1, .head_dim = kDim, .value_dim = kValueDim, .scale = 1, .type = type};
}
/// Keys [begin, end) of x, then the query of its last row, whose output has gradients dx and drem.
Values part_of(const Values& x, int64_t begin, int64_t end, const Array& dx, double drem) {
  const int64_t rows = kKeys + 1, n = end - begin;
  Values y;
  const auto with_last = [&](const Array& a) {
    Array part = rows_of(a, rows, begin, end);
    const Array last = rows_of(a, rows, kKeys, rows);
    part.insert(part.end(), last.begin(), last.end());
    return part;
  };
  y.q = with_last(x.q), y.k = with_last(x.k), y.v = with_last(x.v);
  y.dx.assign(size_t(n * kValueDim), 0), y.drem.assign(size_t(n), 0);
  y.dx.insert(y.dx.end(), dx.begin(), dx.end());
  y.drem.push_back(drem);
  return y;
}
Array last_row(const Array& a, int64_t rows) {
  return rows_of(a, rows, rows - 1, rows);
}

struct Row {
  Array o, dq, dk, dv;  ///< o with what is left of the stick behind
};

Row whole(const Values& x, DType type) {
  const Array dx = last_row(x.dx, kKeys + 1);
  const Outcome r = attend(case_of(kKeys, type), part_of(x, 0, kKeys, dx, x.drem.back()));
  Row row{last_row(r.o, kKeys + 1), last_row(r.dq, kKeys + 1), rows_of(r.dk, kKeys + 1, 0, kKeys),
          rows_of(r.dv, kKeys + 1, 0, kKeys)};
  row.o.push_back(r.rem.back());
  return row;
}

/// The same from segments [cuts[n], cuts[n + 1]), each forward and backward on its own. Segment X
/// needs the stick that arrives, r_in, and the worth of what it passes on,
/// U_in = do . o_far + dr * r_far, with (o_far, r_far) everything farther: both from the forward.
Row in_parts(const Values& x, const std::vector<int64_t>& cuts, DType type) {
  const Array dx = last_row(x.dx, kKeys + 1);
  const size_t parts = cuts.size() - 1;
  const auto run = [&](size_t n, const Array& d_o, double d_rem) {
    return attend(case_of(cuts[n + 1] - cuts[n], type),
                  part_of(x, cuts[n], cuts[n + 1], d_o, d_rem));
  };
  std::vector<Array> forward;
  for (size_t n = 0; n < parts; ++n) {
    const Outcome r = run(n, dx, 0);
    forward.push_back(last_row(r.o, cuts[n + 1] - cuts[n] + 1));
    forward.back().push_back(r.rem.back());
  }
  Row total{{0, 0, 1}, Array(kDim, 0), {}, {}};
  for (size_t n = parts; n-- > 0;) combine(total.o.data(), forward[n].data(), kValueDim);
  Array far = {0, 0, 1};
  for (size_t n = 0; n < parts; ++n) {  // far to near, so that gradients come in order
    double arrives = 1;
    for (size_t nearer = n + 1; nearer < parts; ++nearer) arrives *= forward[nearer].back();
    const double worth = dx[0] * far[0] + dx[1] * far[1] + x.drem.back() * far[2];
    const Outcome r = run(n, {arrives * dx[0], arrives * dx[1]}, arrives * worth);
    const int64_t rows = cuts[n + 1] - cuts[n] + 1;
    const Array dq = last_row(r.dq, rows), dk = rows_of(r.dk, rows, 0, rows - 1),
                dv = rows_of(r.dv, rows, 0, rows - 1);
    for (size_t d = 0; d < dq.size(); ++d) total.dq[d] += dq[d];
    total.dk.insert(total.dk.end(), dk.begin(), dk.end());
    total.dv.insert(total.dv.end(), dv.begin(), dv.end());
    Array nearer = forward[n];
    combine(nearer.data(), far.data(), kValueDim);
    far = nearer;
  }
  return total;
}

void expect_parts(const Values& x, const std::vector<int64_t>& cuts, DType type) {
  const double limit = type == DType::f64 ? 1e-13 : 1e-6;
  const double gradient_limit = type == DType::f64 ? 1e-13 : 5e-6;
  const Row want = whole(x, type), got = in_parts(x, cuts, type);
  EXPECT_LT(error(got.o, want.o), limit) << cuts.size() - 1 << " parts, cut at " << cuts[1];
  EXPECT_LT(error(got.dq, want.dq), gradient_limit)
      << cuts.size() - 1 << " parts, cut at " << cuts[1];
  EXPECT_LT(error(got.dk, want.dk), gradient_limit)
      << cuts.size() - 1 << " parts, cut at " << cuts[1];
  EXPECT_LT(error(got.dv, want.dv), gradient_limit)
      << cuts.size() - 1 << " parts, cut at " << cuts[1];
}

/// Gates small enough that the stick reaches the far end.
Values long_stick(uint64_t seed, DType type) {
  Values x = random_values(case_of(kKeys, type), seed);
  for (int64_t j = 0; j <= kKeys; ++j) {
    x.q[size_t(j * kDim)] = 1;
    x.k[size_t(j * kDim)] = -5;
  }
  return x;
}

TEST(Segments, G17EveryCutInTwo) {
  for (const DType type : {DType::f64, DType::f32}) {
    const Values x = long_stick(1, type);
    for (int64_t cut = 0; cut <= kKeys; ++cut) {
      expect_parts(x, {0, cut, kKeys}, type);
    }
  }
}

TEST(Segments, G17TwoToEightParts) {
  const Random random(9, "cuts");
  for (const DType type : {DType::f64, DType::f32}) {
    for (uint64_t parts = 2; parts <= 8; ++parts) {
      std::vector<int64_t> cuts = {0, kKeys};
      for (uint64_t n = 1; n < parts; ++n) {
        cuts.push_back(int64_t(random.below(parts * 8 + n, kKeys)));
      }
      std::sort(cuts.begin(), cuts.end());
      expect_parts(long_stick(parts, type), cuts, type);
    }
  }
}

TEST(Segments, CombineIsAssociativeAndOrdered) {
  const Array near = {0.5, -2, 0.25}, middle = {3, 1, 0.5}, far = {-1, 4, 0.125};
  const auto of = [](Array a, const Array& b) {
    combine(a.data(), b.data(), int64_t{2});
    return a;
  };
  EXPECT_EQ(of(of(near, middle), far), of(near, of(middle, far)));
  EXPECT_EQ(of({0, 0, 1}, near), near);
  EXPECT_EQ(of(near, {0, 0, 1}), near);
  EXPECT_NE(of(near, far), of(far, near));
}

}  // namespace
}  // namespace weft::test
