// metrics.jsonl: one line for each logged step.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "io/file.h"

namespace weft {

/// What is known after a step.
struct LogLine {
  int64_t step = 0;
  int64_t tokens = 0;  ///< trained on since the run began
  double loss = 0;     ///< nats per token, of this step
  std::optional<double> val_loss = {};
  std::optional<double> val_accuracy = {};  ///< of a task: share of the labels guessed
  double lr = 0;
  double grad_norm = 0;
  double tokens_per_second = 0;  ///< since the line before
  /// Model FLOPs over time, over the measured peak; none where they are more than it.
  std::optional<double> mfu = {};
  double peak_gflops = 0;  ///< that peak
  double seconds = 0;      ///< since the run began, all its parts together
};
/// Every key of the contract on one line; val_loss is null where nothing was evaluated, mfu where
/// there is none.
/// val_accuracy, which is no key of text, is left out then.
std::string to_json_line(const LogLine& line);

/// The file of a run, open for appending and locked against a second process.
class MetricsFile {
 public:
  using TryLock = std::function<io::Lock(const io::FileHandle&)>;

  /// Opens and locks it. Throws Error(runtime) where the file cannot be written or another process
  /// has it. `try_lock`: for tests.
  explicit MetricsFile(const io::Path& path, const TryLock& try_lock = io::try_lock);

  /// False where the file system has no locks: a second process would not be noticed.
  bool is_locked() const { return locked_; }
  /// The step of the last whole line of the file; 0 where there is none.
  int64_t reached() const;
  /// Keeps the lines up to `last_step` and drops what follows, also a line that was cut short by a
  /// crash. Throws Error(runtime) where the file cannot be written.
  void keep(int64_t last_step);
  /// Of the last line that was kept: seconds, loss, val_loss, val_accuracy; nothing where there is
  /// none.
  const LogLine& last() const { return last_; }
  /// Throws Error(runtime) where the line did not arrive.
  void append(const LogLine& line);
  /// Waits until all lines are on the disk.
  void flush();

 private:
  io::Path path_;
  io::FileHandle file_;
  bool locked_ = true;
  LogLine last_;
};

}  // namespace weft
