// What a training run shows while it goes.
#pragma once

#include <chrono>
#include <cstdint>

#include "cli/console.h"
#include "cli/progress.h"
#include "train/run.h"

namespace weft::cli {

/// A line for every logged step, an evaluation standing out, and below them, where the console
/// draws, a bar with what is left.
class TrainDisplay {
 public:
  /// The console must outlive it.
  explicit TrainDisplay(const Console& console) : console_(console) {}

  /// The display must outlive it.
  TrainObserver observer();

 private:
  using Clock = std::chrono::steady_clock;

  void begin(const RunStart& start);
  void stepped(const StepReport& step);
  void draw();
  void logged(const LogLine& line);

  const Console& console_;
  Progress now_;
  RedrawClock clock_;
  Clock::time_point begun_;
  int64_t first_step_ = 1;
};

}  // namespace weft::cli
