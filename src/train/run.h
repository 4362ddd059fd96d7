// A training run in its folder: config.toml, metrics.jsonl, checkpoints/step-N, latest.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/score.h"
#include "io/file.h"
#include "runtime/runtime.h"
#include "train/memory.h"
#include "train/metrics.h"
#include "train/run_config.h"

namespace weft {

/// What is known before the first step.
struct RunStart {
  int64_t first_step = 1;  ///< more than 1: the run was resumed
  int64_t steps = 0;
  int64_t parameters = 0;
  int64_t tokens_per_step = 0;
  int64_t corpus_tokens = 0;      ///< to train on
  int64_t validation_tokens = 0;  ///< of text; 0: none to evaluate on
  std::string task;               ///< "": text
  std::string from;               ///< the checkpoint whose weights it starts from; "": fresh ones
  std::string elsewhere;          ///< refused_elsewhere() of its checkpoints
  MemoryPlan memory;
  /// What a user should know and would not expect, one line each: what was left out of the data,
  /// what the learning rate will do, what was changed or mended when the run was resumed.
  std::vector<std::string> notes;
};

/// What is known after every step; cheap enough for a live display.
struct StepReport {
  int64_t step = 0;
  double loss = 0;
  double lr = 0;
  double grad_norm = 0;
  double tokens_per_second = 0;  ///< of this step
};

/// Called from the training loop, in its thread, but for on_write; any of them may be empty. The
/// library itself never prints.
struct TrainObserver {
  std::function<void(const RunStart&)> on_start = {};
  /// A step begins: from here on a stop waits for its end.
  std::function<void(int64_t step)> on_begin = {};
  std::function<void(const StepReport&)> on_step = {};
  std::function<void(const LogLine&)> on_log = {};
  std::function<void(int64_t step, const Score&)> on_eval = {};
  /// The checkpoint of a step is there; training may be some steps further.
  std::function<void(int64_t step, const io::Path&)> on_checkpoint = {};
  /// It is about to be written: in the thread that writes, while training goes on.
  std::function<void(int64_t step)> on_write = {};
};

struct TrainRequest {
  RunConfig config;  ///< to resume as it was: load_run_config(out / "config.toml", overrides)
  io::Path out;      ///< the run folder; made where it does not exist
  bool resume = false;
  /// Keys that were asked for one by one: of learning rate and schedule, a resumed run may change
  /// these. "train.lr"
  std::vector<std::string> asked = {};
  Runtime runtime = Runtime::best();
  const std::atomic<bool>* stop = nullptr;  ///< once true: finish the step, checkpoint, return
  /// Denominator of mfu; 0: measured after the first step. Measured again where it is exceeded.
  double peak_gflops = 0;
  TrainObserver observer = {};
  Axes axes = {};
  TaskRegistry tasks = {};
  MetricsFile::TryLock try_lock = io::try_lock;  ///< for tests
};

struct TrainOutcome {
  int64_t step = 0;        ///< updates done
  int64_t steps_done = 0;  ///< of them by this call; 0: the run was finished before
  int64_t parameters = 0;
  int64_t tokens = 0;                    ///< trained on since the run began
  double seconds = 0;                    ///< since the run began, all its parts together
  bool stopped = false;                  ///< by the flag, before the last step
  io::Path checkpoint;                   ///< the newest
  std::optional<double> loss, val_loss;  ///< of the last step, else of the last that was logged
  std::optional<double> val_accuracy;    ///< the same; tasks only
};

/// Trains to the last step, or until the flag is set. A run that was killed at any moment and is
/// resumed reaches the same bits as one that was not, whatever the number of threads. Throws
/// Error(config) where `out` holds a run and `resume` is off, where a resumed configuration differs
/// in more than check_resumed() allows, or where memory does not suffice; Error(input) for the
/// data, also where it is other text than the run began with; Error(runtime) where files cannot be
/// written or a number is not finite: the last checkpoint is unharmed then. Checkpoints between
/// steps are written from a copy while training goes on: a failing write ends the run after the
/// step at which it is noticed. A second process on the same run is refused where the file system
/// has locks.
TrainOutcome run_training(const TrainRequest& request);

}  // namespace weft
