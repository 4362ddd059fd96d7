// How a training run answers to Ctrl-C and its like.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "cli/signals.h"
#include "train/run.h"

namespace weft::cli {

/// Before its first step a run ends at once. From then on the first signal lets it finish the step
/// and save; a second Ctrl-C ends it at once, saying what is lost and how to go on.
class TrainStop {
 public:
  /// `out`: the run folder. The console must outlive it.
  TrainStop(const Console& console, io::Path out);

  /// The request is stopped by signals, and its steps are watched. It must end before this does.
  void attach(TrainRequest& request);
  /// Of the process: 0 where the run reached its last step, 128 + the signal where one ended it.
  int exit_code(const TrainOutcome& outcome) const;

 private:
  std::string finishing() const;
  std::string ended() const;

  io::Path out_;
  std::atomic<int64_t> step_{0};  // that is done now, or was last; 0: none yet
  StopSignals signals_;           // last: its thread reads the others
};

}  // namespace weft::cli
