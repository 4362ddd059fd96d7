#include <gtest/gtest.h>

#include "cli/bench.h"

namespace weft::cli {
namespace {

TEST(BenchPeaks, TheLargerOfTwoCounts) {
  const Peaks busy{109, 410, 22}, idle{218, 405, 44};
  const Peaks best = larger(busy, idle);
  EXPECT_EQ(best.gflops_f32, 218);
  EXPECT_EQ(best.gflops_bf16, 410);
  EXPECT_EQ(best.bandwidth_gb_s, 44);
  EXPECT_EQ(busy_note(busy, idle),
            "the machine was busy: peaks 109 and 410 GFLOP/s, 22 GB/s before, 218 and 405, 44 "
            "after; the larger count");
}

TEST(BenchPeaks, AgreementIsNotWorthALine) {
  const Peaks a{218, 405, 44};
  EXPECT_EQ(busy_note(a, {200, 440, 41}), "");
  EXPECT_NE(busy_note(a, {195, 405, 44}), "");
  EXPECT_NE(busy_note({218, 360, 44}, a), "");
  EXPECT_NE(busy_note(a, {218, 405, 50}), "");
}

TEST(BenchPeaks, ARateIsHeldAgainstItsOwnBound) {
  const Peaks peaks{200, 400, 50};
  const Timing timing{.median = 0.5, .spread = 0, .runs = 1};
  EXPECT_DOUBLE_EQ(*timed("a", timing, 50e9, DType::f32).percent_of_peak(peaks), 50);
  EXPECT_DOUBLE_EQ(*timed("b", timing, 50e9, DType::bf16).percent_of_peak(peaks), 25);
  BenchResult core = timed("one of four cores", timing, 20e9, DType::f32);
  core.share_of_machine = 0.25;
  EXPECT_DOUBLE_EQ(*core.percent_of_peak(peaks), 80);
  EXPECT_DOUBLE_EQ(*timed("a", timing, 50e9, DType::f32).gflops, 100);
  BenchResult r = timed("c", timing);
  EXPECT_FALSE(r.percent_of_peak(peaks));
  r.bound = Bound::bandwidth;
  r.rate = 40;
  EXPECT_DOUBLE_EQ(*r.percent_of_peak(peaks), 80);
}

TEST(BenchPeaks, NothingIsMoreThanThePeak) {
  const Peaks low{200, 400, 50}, high{300, 400, 50};
  const Timing timing{.median = 1, .spread = 0, .runs = 1};
  const BenchResult r = timed("a", timing, 250e9, DType::f32);
  EXPECT_FALSE(r.percent_of_peak(low));
  EXPECT_TRUE(exceeds(reached({r}), low));
  EXPECT_NEAR(*r.percent_of_peak(high), 250 / 3., 1e-9);
  EXPECT_FALSE(exceeds(reached({r, timed("no bound", timing)}), high));
  const Peaks best = larger(low, reached({r}));
  EXPECT_DOUBLE_EQ(best.gflops_f32, 250);
  EXPECT_EQ(best.gflops_bf16, 400);
  EXPECT_EQ(*r.percent_of_peak(best), 100);
}

TEST(BenchPeaks, MemoryBesideARowCountsForIt) {
  const Peaks peaks{200, 400, 50};
  const Timing timing{.median = 1, .spread = 0, .runs = 1};
  const BenchResult r = timed_memory("a", timing, {1e9, 30e9}, 40);
  EXPECT_DOUBLE_EQ(*r.percent_of_peak(peaks), 75);
  EXPECT_DOUBLE_EQ(r.roofline(peaks)->seconds, 0.75);
  EXPECT_TRUE(r.roofline(peaks)->memory);
  EXPECT_DOUBLE_EQ(r.peak_of(Bound::gemm_f32, peaks), 200);
}

}  // namespace
}  // namespace weft::cli
