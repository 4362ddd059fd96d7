// The golden cases are tested: a mechanism with a well-known mistake must fail them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "attention/fixture_test.h"
#include "attention/mechanisms/kernels.h"
#include "attention/mechanisms/stick_breaking.h"

namespace weft::test {
namespace {

struct PrefixDropped : StickBreaking {
  template <class C>
  static C weights(const MechanismSettings& s, const C* z, int64_t n, C* w) {
    const C rem = StickBreaking::weights(s, z, n, w);
    C closed;
    for (int64_t j = 0; j < n; ++j) gate(z[j], w[j], closed);
    return rem;
  }
};
struct PrefixShifted : StickBreaking {
  template <class C>
  static C weights(const MechanismSettings& s, const C* z, int64_t n, C* w) {
    const C rem = StickBreaking::weights(s, z, n, w);
    C open, closed;
    for (int64_t j = 0; j < n; ++j) {
      gate(z[j], open, closed);
      w[j] *= closed;
    }
    return rem;
  }
};
struct RemainderGradientDropped : StickBreaking {
  template <class C>
  static void gradient(const MechanismSettings& s, const C* z, const C* w, int64_t n, const C* g, C,
                       C* dz) {
    StickBreaking::gradient(s, z, w, n, g, C(0), dz);
  }
};
struct ClosedByDifference : StickBreaking {
  template <class C>
  static void gradient(const MechanismSettings&, const C* z, const C* w, int64_t n, const C* g,
                       C d_rem, C* dz) {
    C worth = d_rem;
    for (int64_t j = n - 1; j >= 0; --j) {
      C open, closed;
      gate(z[j], open, closed);
      dz[j] = w[j] * (1 - open) * (g[j] - worth);
      worth += open * (g[j] - worth);
    }
  }
};

template <class Mutant>
MechanismInfo mutant(std::string_view name) {
  static const Kernel<AttentionKernelOf> kernels[] = {
      {{"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}}, reference_kernel<Mutant>}};
  static const MechanismRegistry library;
  MechanismInfo info = library.find("stick-breaking");
  info.name = name;
  info.kernels = kernels;
  return info;
}

/// The mechanisms of the library and the mutants.
class Mutations : public testing::Test {
 protected:
  Mutations() {
    for (const MechanismInfo& info : infos_) registry_.add(info);
  }
  Case with(Case c, const char* mechanism) const {
    c.mechanism = mechanism;
    c.registry = &registry_;
    return c;
  }

  MechanismRegistry registry_;
  const MechanismInfo infos_[4] = {
      mutant<PrefixDropped>("prefix dropped"), mutant<PrefixShifted>("prefix shifted"),
      mutant<RemainderGradientDropped>("dr dropped"), mutant<ClosedByDifference>("c = 1 - b")};
};

/// G3: weights at distance d are b (1 - b)^(d - 1).
double equal_scores(Case c) {
  c.time = 5, c.head_dim = 1, c.value_dim = 5, c.scale = 1;
  Values x = with_scores(c, Array(5, 0.75));
  x.v.assign(25, 0);
  for (size_t j = 0; j < 5; ++j) x.v[j * 6] = 1;
  Array want(25, 0);
  for (size_t i = 0; i < 5; ++i) {
    for (size_t j = 0; j < i; ++j) {
      want[i * 5 + j] = sigmoid(0.75) * std::pow(sigmoid(-0.75), double(i - j - 1));
    }
  }
  return error(attend(c, x).o, want);
}
/// G2: the gradient of the keys of two tokens.
double two_tokens(Case c) {
  c.time = 2, c.head_dim = 2, c.value_dim = 2, c.scale = 1;
  const Values x{{9, 9, 1, 2}, {0.5, 0.25, 9, 9}, {3, -1, 9, 9}, {7, 7, 2, 5}, {7, 0.5}, {}};
  const double dz = sigmoid(1) * sigmoid(-1) * (2 * 3 + 5 * -1 - 0.5);
  return error(attend(c, x).dk, {dz, 2 * dz, 0, 0});
}
/// G9: the gradient of saturated scores.
double saturated(Case c) {
  c.time = 2, c.head_dim = 1, c.value_dim = 1, c.scale = 1;
  Values x = with_scores(c, {20, 20});
  x.dx = {0, 1}, x.drem = {0, 0}, x.v = {3, 0};
  return error(attend(c, x).dk, {3 * sigmoid(20) / (1 + std::exp(20)), 0});
}
/// G10: what small gates leave.
double small_gates(Case c) {
  const int64_t n = 4096;
  c.time = n, c.head_dim = 1, c.value_dim = 1, c.scale = 1;
  const Outcome r = attend_in_chunks(c, with_scores(c, Array(size_t(n), -17)), {n - 1, 1});
  return error({r.rem.back()}, {std::exp(-double(n - 1) * std::log1p(std::exp(-17)))});
}

TEST_F(Mutations, TheLibraryPasses) {
  const Case c = with({}, "stick-breaking");
  EXPECT_LT(equal_scores(c), 1e-6);
  EXPECT_LT(two_tokens(c), 1e-6);
  EXPECT_LT(saturated(c), 1e-6);
  EXPECT_LT(small_gates(c), 1e-6);
}

TEST_F(Mutations, MistakesFail) {
  EXPECT_GT(equal_scores(with({}, "prefix dropped")), 1e-2);
  EXPECT_GT(equal_scores(with({}, "prefix shifted")), 1e-2);
  EXPECT_GT(two_tokens(with({}, "prefix shifted")), 1e-2);
  EXPECT_GT(two_tokens(with({}, "dr dropped")), 1e-2);
  EXPECT_GT(saturated(with({}, "c = 1 - b")), 1e-2);
  const Case plain_f32_stick = with({.kernel = "ref"}, "stick-breaking");
  EXPECT_GT(small_gates(plain_f32_stick), 1e-5);
}

}  // namespace
}  // namespace weft::test
