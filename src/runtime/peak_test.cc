#include "runtime/peak.h"

#include <gtest/gtest.h>

#include <chrono>

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

TEST(Peak, RefusesOtherTypes) {
  EXPECT_THROW(measure_gemm_peak(Runtime{}, DType::f64, 0.1), Error);
}

}  // namespace
}  // namespace weft
