// Learning rate schedules: pure functions of the update's number.
#pragma once

#include <cstdint>
#include <string_view>

namespace weft {

enum class ScheduleKind : uint8_t {
  constant,
  linear,  ///< from lr down to min_lr in a straight line
  cosine,  ///< along half a cosine
  wsd,     ///< warm-up, stable, decay: straight down to min_lr over the last part of the run
};
std::string_view name_of(ScheduleKind kind);

struct Schedule {
  ScheduleKind kind = ScheduleKind::cosine;
  double lr = 1e-3;
  double min_lr = 1e-4;
  double warmup_lr = 0;  ///< where the warm-up starts
  int64_t steps = 1000;
  int64_t warmup = 100;         ///< updates; more than `steps` counts as `steps`
  double decay_fraction = 0.2;  ///< share of `steps` that wsd spends on the way down

  /// The rate of update t in [1, steps]: a straight line from warmup_lr (at t = 0) to lr (at
  /// t = warmup), then the schedule, which reaches min_lr at t = steps and stays there.
  double rate(int64_t t) const;
};

}  // namespace weft
