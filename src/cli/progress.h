// Lines of a training run.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace weft::cli {

struct Progress {
  int64_t step = 0, steps = 0;
  double loss = 0;
  std::optional<double> val_loss = {};
  std::optional<double> val_accuracy = {};  ///< of a task
  double tokens_per_second = 0;
  double mfu = 0;            ///< 0: not known yet
  double seconds_left = -1;  ///< negative: not known yet
};

/// One line of at most `width` columns: the step and the loss always, as long as they fit, then
/// what else fits, the least important left out first.
std::string progress_line(const Progress& progress, int width);

/// The same with a bar of 10 to 40 columns after the step, where there is room for it and the loss.
std::string progress_bar(const Progress& progress, int width);

/// Says when the line is due again, at most ten times a second.
class RedrawClock {
 public:
  using Time = std::chrono::steady_clock::time_point;
  bool due(Time now);

 private:
  std::optional<Time> last_;
};

}  // namespace weft::cli
