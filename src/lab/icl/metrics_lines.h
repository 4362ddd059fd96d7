// metrics.jsonl of a run folder of the lab: a line for each evaluation, whole at any moment.
#pragma once

#include <mutex>
#include <span>

#include "io/file.h"
#include "lab/icl/record.h"

namespace weft::icl {

/// Makes the folder, and those above it, where they do not exist. Throws Error(runtime) with the
/// system's reason.
void make_run_folder(const io::Path& folder);

/// Lines of {"seed", "lr", "step", "loss", "median", "clipped_mean", "grad_norm", "skipped",
/// "seconds"}. Members throw Error(runtime) where the file cannot be written.
class MetricsLines {
 public:
  explicit MetricsLines(const io::Path& path);
  /// From any thread: runs that go side by side write as they get there.
  void append(const Training& training, const CurvePoint& point);
  /// Replaces the file by the lines of these runs in their order.
  void sort(std::span<const MeasuredRun> runs);

 private:
  io::Path path_;
  io::FileHandle file_;
  std::mutex mutex_;
};

}  // namespace weft::icl
