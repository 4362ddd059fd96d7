// Accuracy of the vector functions on every instruction set that this machine executes. The tests
// ask the compiler's own CPU check, since the runtime folder lies beside this one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"
#include "simd/array_math.h"

namespace weft {
namespace {

bool executes(std::string_view isa) {
#if defined(__x86_64__)
  if (isa == "avx512")
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
  if (isa == "avx2") return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return isa == "generic" || isa == "neon";
}

template <class F>
void for_each_isa(F f) {
  for (const ArrayMath& m : array_math()) {
    if (!executes(m.isa)) continue;
    SCOPED_TRACE(m.isa);
    f(m);
  }
}

constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(SimdMath, ExpOnAGrid) {
  for_each_isa([](const ArrayMath& m) {
    const int n = 200001;
    std::vector<float> x(n), y(n);
    for (int i = 0; i < n; ++i) x[size_t(i)] = -87.f + 175.5f * float(i) / float(n - 1);
    m.exp(x.data(), y.data(), n);
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double want = std::exp(double(x[i]));
      worst = std::max(worst, std::abs(y[i] - want) / want);
    }
    EXPECT_LT(worst, 2.0 * 1.2e-7);
  });
}

TEST(SimdMath, ExpAtTheEnds) {
  for_each_isa([](const ArrayMath& m) {
    const std::vector<float> x = {-kInf, -1e30f, -106.f, 0.f, -0.f, kInf, 90.f, NAN, -100.f};
    std::vector<float> y(x.size());
    m.exp(x.data(), y.data(), int64_t(x.size()));
    EXPECT_EQ(y[0], 0.f);
    EXPECT_EQ(y[1], 0.f);
    EXPECT_EQ(y[2], 0.f);
    EXPECT_EQ(y[3], 1.f);
    EXPECT_EQ(y[4], 1.f);
    EXPECT_EQ(y[5], kInf);
    EXPECT_EQ(y[6], kInf);
    EXPECT_TRUE(std::isnan(y[7]));
    EXPECT_NEAR(y[8], std::exp(-100.), 1.5e-45);  // denormal: one unit
  });
}

TEST(SimdMath, ExpOfWeightsOnAGrid) {
  for_each_isa([](const ArrayMath& m) {
    const int n = 100001;
    std::vector<float> x(n), y(n), rounded(n);
    for (int i = 0; i < n; ++i) x[size_t(i)] = -87.f * float(i) / float(n - 1);
    m.exp_weight(x.data(), y.data(), n);
    m.exp_weight_bf16(x.data(), rounded.data(), n);
    double worst = 0, worst_rounded = 0;  // beyond 8e-8 |x|
    for (size_t i = 0; i < x.size(); ++i) {
      const double want = std::exp(double(x[i])), allowed = 8e-8 * std::abs(double(x[i]));
      worst = std::max(worst, std::abs(y[i] - want) / want - allowed);
      worst_rounded = std::max(worst_rounded, std::abs(rounded[i] - want) / want - allowed);
    }
    EXPECT_LT(worst, 2.5e-7);
    EXPECT_LT(worst_rounded, 3.2e-6);
  });
}

TEST(SimdMath, ExpOfWeightsAtTheEnds) {
  for_each_isa([](const ArrayMath& m) {
    const std::vector<float> x = {-kInf, NAN, 0.f, -1e30f, -89.f};
    std::vector<float> y(x.size());
    for (const auto f : {m.exp_weight, m.exp_weight_bf16}) {
      f(x.data(), y.data(), int64_t(x.size()));
      EXPECT_EQ(y[0], 0.f);
      EXPECT_TRUE(std::isnan(y[1]));
      EXPECT_NEAR(y[2], 1.f, 1e-6);
      EXPECT_LE(y[3], 1.3e-38f);
      EXPECT_LE(y[4], 1.3e-38f);
    }
  });
}

// G22 of the stick-breaking specification.
TEST(SimdMath, GateOnAGridKeepsBothEnds) {
  for_each_isa([](const ArrayMath& m) {
    const int n = 1000000;
    std::vector<float> z(n), b(n), c(n);
    for (int i = 0; i < n; ++i) z[size_t(i)] = -87.f + 174.f * float(i) / float(n - 1);
    m.gate(z.data(), b.data(), c.data(), n);
    double worst = 0;
    for (size_t i = 0; i < z.size(); ++i) {
      const double open = 1 / (1 + std::exp(-double(z[i])));
      const double closed = 1 / (1 + std::exp(double(z[i])));
      worst = std::max({worst, std::abs(b[i] - open) / open, std::abs(c[i] - closed) / closed});
    }
    EXPECT_LT(worst, 1e-6);
  });
}

TEST(SimdMath, GateAtInfinity) {
  for_each_isa([](const ArrayMath& m) {
    const float z[] = {kInf, -kInf, 0.f, NAN};
    float b[4], c[4];
    m.gate(z, b, c, 4);
    EXPECT_EQ(b[0], 1.f);
    EXPECT_EQ(c[0], 0.f);
    EXPECT_EQ(b[1], 0.f);
    EXPECT_EQ(c[1], 1.f);
    EXPECT_EQ(b[2], 0.5f);
    EXPECT_EQ(c[2], 0.5f);
    EXPECT_TRUE(std::isnan(b[3]) && std::isnan(c[3]));
  });
}

TEST(SimdMemory, Bf16RoundsLikeTheScalarType) {
  for_each_isa([](const ArrayMath& m) {
    const int n = 100003;
    const Random random(7, "bf16");
    std::vector<float> x(n), back(n);
    std::vector<bf16> y(n);
    for (size_t i = 0; i < x.size(); ++i) {
      const uint32_t u = uint32_t(random.bits(i));  // any pattern: NaN, infinities, denormals
      std::memcpy(&x[i], &u, 4);
    }
    for (size_t i = 0; i < 64; ++i) {  // exact ties
      const uint32_t u = 0x3f808000u + (uint32_t(i) << 16);
      std::memcpy(&x[i], &u, 4);
    }
    m.to_bf16(x.data(), y.data(), n);
    m.to_f32(y.data(), back.data(), n);
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(y[i].bits, bf16(x[i]).bits) << x[i];
      const float want = float(y[i]);
      ASSERT_EQ(std::memcmp(&back[i], &want, 4), 0);
    }
  });
}

TEST(SimdMemory, TailsTouchNothingBeyondTheEnd) {
  for_each_isa([](const ArrayMath& m) {
    for (int64_t n = 0; n <= 40; ++n) {
      std::vector<float> x(size_t(n), 1.f), y(size_t(n) + 16, -7.f);
      std::vector<bf16> h(size_t(n) + 16, bf16(-7.f));
      m.exp(x.data(), y.data(), n);
      m.to_bf16(x.data(), h.data(), n);
      for (size_t i = 0; i < y.size(); ++i) {
        ASSERT_EQ(y[i] == -7.f, i >= size_t(n));
        ASSERT_EQ(float(h[i]) == -7.f, i >= size_t(n));
      }
      EXPECT_EQ(m.sum(x.data(), n), float(n));
    }
  });
}

}  // namespace
}  // namespace weft
