#include "cli/progress.h"

#include <gtest/gtest.h>

#include "cli/bench_progress.h"

namespace weft::cli {
namespace {

Progress example() {
  return {.step = 120,
          .steps = 1000,
          .loss = 1.23456,
          .val_loss = 1.5,
          .tokens_per_second = 45200,
          .mfu = 0.512,
          .seconds_left = 80};
}

TEST(ProgressLine, ShowsAllWhereThereIsRoom) {
  EXPECT_EQ(progress_line(example(), 120),
            "step 120/1000  loss 1.2346  val_loss 1.5000  45.2 k tok/s  mfu 51%  1 min 20 s left");
}

TEST(ProgressLine, GivesUpTheLeastImportantFirst) {
  EXPECT_EQ(progress_line(example(), 80),
            "step 120/1000  loss 1.2346  val_loss 1.5000  45.2 k tok/s  1 min 20 s left");
  EXPECT_EQ(progress_line(example(), 45), "step 120/1000  loss 1.2346  1 min 20 s left");
  Progress nearly = example();
  nearly.seconds_left = 0.08;
  EXPECT_EQ(progress_line(nearly, 45), "step 120/1000  loss 1.2346  <1 s left");
  EXPECT_EQ(progress_line(example(), 30), "step 120/1000  loss 1.2346");
  EXPECT_EQ(progress_line(example(), 14), "step 120/1000");
}

TEST(ProgressLine, NeverExceedsTheWidth) {
  for (int width = 0; width < 130; ++width) {
    EXPECT_LE(static_cast<int>(progress_line(example(), width).size()), width);
  }
}

TEST(ProgressLine, LeavesOutWhatIsNotKnown) {
  EXPECT_EQ(progress_line({.step = 1, .steps = 9, .loss = 5.5}, 120), "step 1/9  loss 5.5000");
}

TEST(ProgressBar, StandsAfterTheStep) {
  Progress p = example();
  p.val_loss = {};
  p.mfu = 0;
  EXPECT_EQ(progress_bar(p, 79),
            "step 120/1000  [==>               ]  loss 1.2346  45.2 k tok/s  1 min 20 s left");
  EXPECT_EQ(progress_bar(p, 60), "step 120/1000  [=>           ]  loss 1.2346  1 min 20 s left");
  EXPECT_EQ(progress_bar(p, 42), "step 120/1000  [=>          ]  loss 1.2346");
  p.step = p.steps;
  p.seconds_left = 0;
  EXPECT_EQ(progress_bar(p, 42), "step 1000/1000  [===========]  loss 1.2346");
}

TEST(ProgressBar, GivesWayToTheLineInANarrowWindow) {
  EXPECT_EQ(progress_bar(example(), 30), "step 120/1000  loss 1.2346");
  EXPECT_EQ(progress_bar(example(), 5), "step ");
}

TEST(ProgressBar, FillsAWideWindowAndNeverExceedsIt) {
  EXPECT_NE(progress_bar(example(), 130).find("mfu 51%"), std::string::npos);
  EXPECT_NE(progress_bar(example(), 200).find("[====>" + std::string(33, ' ') + "]"),
            std::string::npos);
  for (int width = 0; width < 160; ++width) {
    EXPECT_LE(static_cast<int>(progress_bar(example(), width).size()), width);
  }
}

TEST(RedrawClock, TenTimesASecond) {
  RedrawClock clock;
  RedrawClock::Time t{};
  int drawn = 0;
  for (int ms = 0; ms < 1000; ms += 5) drawn += clock.due(t + std::chrono::milliseconds(ms));
  EXPECT_EQ(drawn, 10);
}

TEST(BenchProgress, EstimatesFromTheRowsThatAreDone) {
  EXPECT_EQ(bench_progress_line(1, 5, "gemm a", 0, 79), "bench 1/5  gemm a");
  EXPECT_EQ(bench_progress_line(3, 5, "gemm a", 20, 79), "bench 3/5  30 s left  gemm a");
  EXPECT_EQ(bench_progress_line(3, 5, "gemm a", 20, 25), "bench 3/5  30 s left");
  EXPECT_EQ(bench_progress_line(3, 5, "gemm a", 20, 5), "bench");
}

}  // namespace
}  // namespace weft::cli
