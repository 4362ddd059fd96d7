#include "train/schedule.h"

#include <gtest/gtest.h>

namespace weft {
namespace {

// The recipe of the ResFormer paper; its values at t = 60 and 5060 are known.
TEST(Schedule, CosineOfThePaper) {
  const Schedule s{.kind = ScheduleKind::cosine,
                   .lr = 6e-4,
                   .min_lr = 6e-5,
                   .warmup_lr = 1e-7,
                   .steps = 10000,
                   .warmup = 120};
  EXPECT_NEAR(s.rate(60), 3.0005e-4, 1e-12);
  EXPECT_NEAR(s.rate(5060), 3.3e-4, 1e-12);
  EXPECT_DOUBLE_EQ(s.rate(120), 6e-4);
  EXPECT_DOUBLE_EQ(s.rate(10000), 6e-5);
  EXPECT_DOUBLE_EQ(s.rate(20000), 6e-5);
}

TEST(Schedule, WarmsUpFromTheFirstUpdate) {
  const Schedule s{.kind = ScheduleKind::constant, .lr = 1, .steps = 10, .warmup = 4};
  EXPECT_DOUBLE_EQ(s.rate(1), 0.25);
  EXPECT_DOUBLE_EQ(s.rate(4), 1);
  EXPECT_DOUBLE_EQ(s.rate(10), 1);
}

TEST(Schedule, Linear) {
  const Schedule s{.kind = ScheduleKind::linear, .lr = 1, .min_lr = 0.5, .steps = 20, .warmup = 10};
  EXPECT_DOUBLE_EQ(s.rate(15), 0.75);
  EXPECT_DOUBLE_EQ(s.rate(20), 0.5);
}

TEST(Schedule, WarmupStableDecay) {
  const Schedule s{.kind = ScheduleKind::wsd,
                   .lr = 1,
                   .min_lr = 0,
                   .steps = 100,
                   .warmup = 10,
                   .decay_fraction = 0.2};
  EXPECT_DOUBLE_EQ(s.rate(11), 1);
  EXPECT_DOUBLE_EQ(s.rate(80), 1);
  EXPECT_DOUBLE_EQ(s.rate(90), 0.5);
  EXPECT_DOUBLE_EQ(s.rate(100), 0);
}

TEST(Schedule, LongWarmupIsCutToTheRun) {
  for (const auto kind :
       {ScheduleKind::constant, ScheduleKind::linear, ScheduleKind::cosine, ScheduleKind::wsd}) {
    const Schedule s{.kind = kind, .lr = 2, .min_lr = 1, .steps = 4, .warmup = 100};
    EXPECT_DOUBLE_EQ(s.rate(1), 0.5) << name_of(kind);
    EXPECT_DOUBLE_EQ(s.rate(4), 2) << name_of(kind);
  }
}

}  // namespace
}  // namespace weft
