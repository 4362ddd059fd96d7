// The plain kernels on a CUDA device, against the formula. Exits with 77 where there is no device.
#include "attention/streaming_cuda.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "attention/streaming_fixture_test.h"
#include "base/error.h"

namespace weft::test {
namespace {

/// Arrays to the device, forward and backward there, arrays back.
template <class T>
void run_on_device(StreamingCase<T>& c, const CudaKernels& kernels) {
  std::vector<CudaMemory> memory;
  c.each_array([&](auto& array, auto& pointer) {
    memory.emplace_back(array.data(), array.size() * sizeof(array[0]));
    if (pointer == nullptr) return;
    using Pointer = std::remove_reference_t<decltype(pointer)>;
    pointer = static_cast<Pointer>(memory.back().data());
  });
  CudaAttention attention(kernels, c.problem, c.kInputs);
  attention.forward(c.run);
  attention.backward(c.run);
  size_t n = 0;
  c.each_array([&](auto& array, auto& pointer) {
    memory[n++].read(array.data());
    if (pointer != nullptr) pointer = array.data();
  });
}

template <class T>
Outcome on_device(const Case& c, const Values& x, bool add = false) {
  StreamingCase<T> memory(c, x, add);
  const DType type = sizeof(T) == sizeof(float) ? DType::f32 : DType::f64;
  run_on_device(memory, c.mechanism == "softmax" ? cuda_kernels<Softmax>(type)
                                                 : cuda_kernels<StickBreaking>(type));
  EXPECT_TRUE(memory.padding_is_untouched()) << label(c);
  return memory.outcome();
}
Outcome formula(Case c, const Values& x) {
  c.type = DType::f64;
  return attend(c, x);
}
void expect_close(const Case& c, const Values& x) {
  SCOPED_TRACE(label(c));
  const Outcome want = formula(c, x), exact = on_device<double>(c, x),
                rounded = on_device<float>(c, x);
  EXPECT_LT(forward_error(exact, want), 1e-13);
  EXPECT_LT(backward_error(exact, want), 1e-13);
  EXPECT_LT(forward_error(rounded, want), 2e-6);
  EXPECT_LT(backward_error(rounded, want), 5e-6);
}

TEST(CudaAttention, EqualsTheFormula) {
  for (const Case& c : streaming_cases()) expect_close(c, random_values(c));
}

// More rows than thread blocks, channels than threads, and blocks than one.
TEST(CudaAttention, TeamsTakeTurns) {
  for (const char* mechanism : {"softmax", "stick-breaking"}) {
    Case c{.batch = 3, .time = 700, .heads = 4, .kv_heads = 2, .head_dim = 80, .value_dim = 100};
    c.mechanism = mechanism;
    expect_close(c, random_values(c));
  }
}

TEST(CudaAttention, AddsToGradientsWhereToldTo) {
  Case c{.batch = 2, .time = 70, .heads = 4, .kv_heads = 2, .head_dim = 6, .value_dim = 9};
  c.args = {{"remainder", std::string("learned")}};
  const Values x = random_values(c);
  EXPECT_LT(backward_error(on_device<double>(c, x, true), formula(c, x)), 1e-13);
}

TEST(CudaAttention, TheSameBitsTwice) {
  const Case c{.batch = 2, .time = 300, .heads = 4, .kv_heads = 2};
  const Values x = random_values(c);
  const Outcome a = on_device<float>(c, x), b = on_device<float>(c, x);
  EXPECT_TRUE(a.o == b.o && a.rem == b.rem && a.dq == b.dq && a.dk == b.dk && a.dv == b.dv);
}

TEST(CudaAttention, ExitIsExact) {
  Case c = scored(700, 4);
  Values x = random_values(c);
  std::fill(x.q.begin(), x.q.end(), 1);
  for (double& k : x.k) k = double(float(k - 2));
  c.args = {{"early_exit", std::string("exact")}};
  const Outcome exact = on_device<float>(c, x);
  c.args = {{"early_exit", std::string("off")}};
  const Outcome off = on_device<float>(c, x);
  EXPECT_TRUE(exact.o == off.o && exact.rem == off.rem && exact.dk == off.dk && exact.dv == off.dv);
  EXPECT_LT(exact.visited.back(), off.visited.back());
}

TEST(CudaAttention, SaysWhatTheDeviceRefused) {
  try {
    CudaMemory(size_t{1} << 60);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::runtime);
    EXPECT_EQ(e.parts().op, "CUDA: allocation");
  }
  expect_close({.time = 5}, random_values({.time = 5}));  // and goes on
}

TEST(CudaAttention, RefusesWhatItDoesNotDo) {
  const Case c;
  StreamingCase<float> memory(c, random_values(c));
  const auto refused = [&](void (*change)(AttentionProblem&)) {
    AttentionProblem p = memory.problem;
    change(p);
    EXPECT_THROW(CudaAttention(cuda_kernels<Softmax>(DType::f32), p, 4), Error);
  };
  refused([](AttentionProblem& p) { p.k_past = p.k, p.v_past = p.v; });
  refused([](AttentionProblem& p) { p.sets = 2; });
  refused([](AttentionProblem& p) { p.settings.sink = Sink::zero; });
}

}  // namespace
}  // namespace weft::test

int main(int argc, char** argv) {
  if (weft::cuda_devices() == 0) {
    std::puts("skipped: no CUDA device");
    return 77;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
