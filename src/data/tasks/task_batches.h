// Sequences of a task as rows of a batch.
#pragma once

#include <cstdint>
#include <memory>

#include "base/random.h"
#include "data/batches.h"
#include "data/tasks/task.h"

namespace weft {

/// What sequences are drawn for. Each purpose has a stream of its own under every seed.
enum class TaskPurpose : uint8_t { train, validation, test };

/// A task, generating: sequence n of a purpose, wherever and whenever it is asked for. Copies share
/// the task.
class TaskStream {
 public:
  /// Throws Error(config) where the task does not go with vocabulary and length.
  TaskStream(const TaskSettings& settings, TaskSizes sizes, uint64_t seed, TaskPurpose purpose,
             const TaskRegistry& tasks = {});

  /// Writes sequence `n`, in [0, Draws::kSequences), into a row of at least length() positions;
  /// those behind it are token 0 without labels.
  void fill(int64_t n, const BatchView& row) const noexcept;
  int64_t length() const { return length_; }

 private:
  std::shared_ptr<const Task> task_;
  int64_t length_;
  Random random_;
};

/// Row r of micro-batch m of step s is sequence (s * accumulate + m) * batch + r.
class TaskBatches final : public TrainBatches {
 public:
  /// `batch` rows of `time` positions. Throws Error(config) where the sequences are longer.
  TaskBatches(TaskStream stream, int64_t batch, int64_t accumulate, int64_t time);

  void fill(int64_t step, int64_t micro, const BatchView& out) const noexcept override;

 private:
  TaskStream stream_;
  int64_t batch_, accumulate_, time_;
};

/// The first `count` sequences, in rows of `time` positions.
class TaskSet final : public EvalBatches {
 public:
  /// Throws Error(config) where the sequences are longer than a row.
  TaskSet(TaskStream stream, int64_t count, int64_t time);

  int64_t count() const override { return count_; }
  void fill(int64_t first, const BatchView& out) const noexcept override;

 private:
  TaskStream stream_;
  int64_t count_, time_;
};

}  // namespace weft
