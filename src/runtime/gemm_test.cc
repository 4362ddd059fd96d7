#include "runtime/gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "base/compare.h"
#include "base/error.h"
#include "base/random.h"
#include "base/tensor.h"

namespace weft {
namespace {

Runtime with_threads(int threads) {
  Runtime rt = Runtime::best();
  rt.threads = threads;
  return rt;
}

Tensor random_matrix(DType type, int64_t rows, int64_t columns, std::string_view name) {
  Tensor t(type, {rows, columns});
  const Random random(1, name);
  for (int64_t i = 0; i < t.numel(); ++i) {
    set(t.view(), i, random.normal(static_cast<uint64_t>(i)));
  }
  return t;
}

/// A product with its operands; `rows` of the open dimension are present, the rest is poison.
struct Case {
  GemmSpec spec;
  int64_t rows;
  Tensor a, b, before;

  Case(const GemmSpec& s, int64_t present) : spec(s), rows(present) {
    a = spec.transpose_a ? random_matrix(spec.in, spec.k, spec.m, "a")
                         : random_matrix(spec.in, spec.m, spec.k, "a");
    b = spec.transpose_b ? random_matrix(spec.in, spec.n, spec.k, "b")
                         : random_matrix(spec.in, spec.k, spec.n, "b");
    before = random_matrix(spec.out, spec.m, spec.n, "c");
    if (spec.open == OpenDim::m) {
      poison_rows(a);
      poison_rows(before);
    } else {
      poison_rows(a);
      poison_rows(b);
    }
  }
  int64_t m() const { return spec.open == OpenDim::m ? rows : spec.m; }
  int64_t k() const { return spec.open == OpenDim::k ? rows : spec.k; }

  void poison_rows(const Tensor& t) const {
    const size_t row = t.desc().bytes() / static_cast<size_t>(t.shape()[0]);
    const size_t skip = row * static_cast<size_t>(rows);
    poison(static_cast<std::byte*>(t.data()) + skip, t.desc().bytes() - skip);
  }
  /// C after a run; its rows beyond the present ones as they were before.
  Tensor run(int threads, bool add) const {
    const Gemm gemm(spec, with_threads(threads));
    const Buffer scratch(gemm.scratch_bytes());
    poison(scratch.data(), scratch.size());
    Tensor c(before.desc());
    std::memcpy(c.data(), before.data(), before.desc().bytes());
    if (!add) poison(c.data(), static_cast<size_t>(m() * spec.n) * size_of(spec.out));
    gemm.run(a.data(), b.data(), c.data(), rows, add, rows > 0 ? scratch.data() : nullptr);
    return c;
  }
  /// The present rows by the formula, in double.
  Tensor expected(bool add) const {
    Tensor c(DType::f64, {m(), spec.n});
    for (int64_t i = 0; i < m(); ++i) {
      for (int64_t j = 0; j < spec.n; ++j) {
        double sum = add ? get(before.view(), i * spec.n + j) : 0;
        for (int64_t x = 0; x < k(); ++x) {
          sum += get(a.view(), spec.transpose_a ? x * spec.m + i : i * spec.k + x) *
                 get(b.view(), spec.transpose_b ? j * spec.k + x : x * spec.n + j);
        }
        c.as<double>()[i * spec.n + j] = sum;
      }
    }
    return c;
  }
};

void check(const Case& test) {
  SCOPED_TRACE(std::string(name_of(test.spec.in)) + " to " + std::string(name_of(test.spec.out)) +
               ", rows " + std::to_string(test.rows) + " of " + std::to_string(test.spec.m) +
               " x " + std::to_string(test.spec.n) + " x " + std::to_string(test.spec.k));
  for (const bool add : {false, true}) {
    const Tensor c = test.run(1, add);
    const Tensor want = test.expected(add);
    const TensorView got{c.data(), {test.spec.out, want.shape()}, Device::cpu};
    const double limit = test.spec.out == DType::bf16 ? 0x1p-8 : 2e-6;
    EXPECT_LE(compare(got, want.view()).error(), limit) << "add " << add;
    const size_t present = want.numel() * size_of(test.spec.out);
    EXPECT_EQ(std::memcmp(static_cast<std::byte*>(c.data()) + present,
                          static_cast<std::byte*>(test.before.data()) + present,
                          c.desc().bytes() - present),
              0)
        << "wrote beyond its rows";
    for (const int threads : {2, 3}) {
      EXPECT_TRUE(same_bits(test.run(threads, add).view(), c.view())) << threads << " threads";
    }
  }
}

struct Types {
  DType in, out;
  bool widen;
};
constexpr Types kTypes[] = {{DType::f32, DType::f32, false},
                            {DType::bf16, DType::f32, false},
                            {DType::bf16, DType::bf16, false},
                            {DType::bf16, DType::f32, true},
                            {DType::bf16, DType::bf16, true}};

TEST(Gemm, RowsOfTheResultAreOpen) {
  struct Size {
    int64_t planned, rows, n, k;
  };
  const Size sizes[] = {
      {1, 1, 1, 1}, {7, 3, 63, 7}, {65, 63, 7, 129}, {700, 607, 65, 33}, {100, 100, 1100, 40}};
  for (const Types& t : kTypes) {
    for (const Size& s : sizes) {
      for (const bool transpose : {false, true}) {
        check({{.m = s.planned,
                .n = s.n,
                .k = s.k,
                .transpose_b = transpose,
                .in = t.in,
                .out = t.out,
                .widen = t.widen},
               s.rows});
      }
    }
  }
}

TEST(Gemm, TheSummedDimensionIsOpen) {
  struct Size {
    int64_t planned, rows, m, n;
  };
  const Size sizes[] = {
      {1, 1, 1, 1}, {9, 7, 63, 3}, {65, 63, 129, 7}, {1500, 1421, 65, 33}, {40, 40, 300, 600}};
  for (const Types& t : kTypes) {
    if (t.out != DType::f32) continue;
    for (const Size& s : sizes) {
      check({{.m = s.m,
              .n = s.n,
              .k = s.planned,
              .transpose_a = true,
              .open = OpenDim::k,
              .in = t.in,
              .widen = t.widen},
             s.rows});
    }
  }
}

TEST(Gemm, NoRowsGiveNoSum) {
  const GemmSpec spec{.m = 5, .n = 3, .k = 8, .transpose_a = true, .open = OpenDim::k};
  const Case test(spec, 0);
  const Tensor c = test.run(2, false);
  for (const float x : c.span<float>()) EXPECT_EQ(x, 0);
  EXPECT_TRUE(same_bits(test.run(2, true).view(), test.before.view()));
}

TEST(Gemm, LeadingDimensionsSkipWhatLiesBetween) {
  constexpr int64_t kM = 20, kN = 9, kK = 12, kLd = 31;
  Case dense({.m = kM, .n = kN, .k = kK}, kM);
  const Tensor want = dense.run(1, false);
  Tensor a(DType::f32, {kM, kLd}), c(DType::f32, {kM, kLd});
  poison(a.data(), a.desc().bytes());
  poison(c.data(), c.desc().bytes());
  for (int64_t i = 0; i < kM; ++i) {
    std::memcpy(a.as<float>() + i * kLd, dense.a.as<float>() + i * kK, kK * sizeof(float));
  }
  const Gemm gemm({.m = kM, .n = kN, .k = kK, .lda = kLd, .ldc = kLd}, with_threads(2));
  const Buffer scratch(gemm.scratch_bytes());
  gemm.run(a.data(), dense.b.data(), c.data(), kM, false, scratch.data());
  for (int64_t i = 0; i < kM; ++i) {
    for (int64_t j = 0; j < kLd; ++j) {
      const float x = c.as<float>()[i * kLd + j];
      if (j < kN) {
        EXPECT_NEAR(x, want.as<float>()[i * kN + j], 1e-5);
      } else {
        EXPECT_TRUE(std::isnan(x));
      }
    }
  }
}

TEST(GemmPool, MakesEqualProductsOnce) {
  GemmPool pool(Runtime::best());
  const GemmSpec spec{.m = 3, .n = 5, .k = 7};
  const auto first = pool.get(spec);
  EXPECT_EQ(pool.get(spec), first);
  GemmSpec other = spec;
  other.transpose_b = true;
  EXPECT_NE(pool.get(other), first);
  EXPECT_EQ(pool.size(), 2u);
  EXPECT_THROW(pool.get({.m = 0, .n = 5, .k = 7}), Error);
  EXPECT_EQ(pool.size(), 2u);
}

TEST(Gemm, RefusesWhatItCannotDo) {
  const Runtime rt = with_threads(1);
  EXPECT_THROW(Gemm({.m = 0, .n = 1, .k = 1}, rt), Error);
  EXPECT_THROW(Gemm({.m = 1, .n = 1, .k = 1, .in = DType::f64}, rt), Error);
  EXPECT_THROW(
      Gemm({.m = 1, .n = 1, .k = 1, .open = OpenDim::k, .in = DType::bf16, .out = DType::bf16}, rt),
      Error);
}

}  // namespace
}  // namespace weft
