#include "runtime/peak.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/buffer.h"
#include "base/error.h"

namespace weft {
namespace {

TEST(Peak, IsPlausibleAndKeepsItsTime) {
  const Runtime rt = Runtime::best();
  const auto start = std::chrono::steady_clock::now();
  const double f32 = measure_gemm_peak(rt, DType::f32, 0.1);
  const double bf16 = measure_gemm_peak(rt, DType::bf16, 0.1);
  const double read = measure_bandwidth(rt, 0.1);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  for (const double rate : {f32, bf16, read}) {
    EXPECT_GT(rate, 0.1);
    EXPECT_LT(rate, 1e6);
  }
  EXPECT_LT(took.count(), 30);  // sanitizers and busy machines are slow, but it ends
}

TEST(Peak, StaysWithinTheMemoryItIsGiven) {
  const Runtime rt = Runtime::best();
  const size_t bytes = gemm_peak_bytes(rt, DType::f32);
  const Buffer memory(bytes + 4096);
  auto* data = static_cast<std::byte*>(memory.data());
  poison(data, memory.size());
  EXPECT_GT(measure_gemm_peak(rt, DType::f32, 0.1, {data, bytes}), 0.1);
  for (size_t i = bytes; i < memory.size(); ++i) ASSERT_EQ(data[i], std::byte{0xff}) << i;
  EXPECT_NE(data[0], std::byte{0xff});
  EXPECT_THROW(measure_gemm_peak(rt, DType::f32, 0.1, {data, bytes - 1}), Error);
}

TEST(Peak, RefusesOtherTypes) {
  EXPECT_THROW(measure_gemm_peak(Runtime{}, DType::f64, 0.1), Error);
}

}  // namespace
}  // namespace weft
