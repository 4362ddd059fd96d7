#include "data/tasks/task_batches.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"

namespace weft {
namespace {

std::string_view stream_name(TaskPurpose purpose) {
  constexpr std::string_view names[] = {"task.train", "task.validation", "task.test"};
  return names[static_cast<size_t>(purpose)];
}

void check_rows(const TaskStream& stream, int64_t time) {
  if (stream.length() <= time) return;
  fail(ErrorCode::config,
       {"config: data.task_args.length", fmt::format("at most {}, the model's context", time),
        std::to_string(stream.length()), "enlarge model.context"});
}

}  // namespace

TaskStream::TaskStream(const TaskSettings& settings, TaskSizes sizes, uint64_t seed,
                       TaskPurpose purpose, const TaskRegistry& tasks)
    : task_(make_task(settings, sizes, tasks)),
      length_(sizes.length),
      random_(seed, stream_name(purpose)) {}

void TaskStream::fill(int64_t n, const BatchView& row) const noexcept {
  fill_blank(row);
  Draws draws(random_, n);
  const auto length = static_cast<size_t>(length_);
  task_->fill(draws, row.tokens.first(length), row.labels.first(length));
}

TaskBatches::TaskBatches(TaskStream stream, int64_t batch, int64_t accumulate, int64_t time)
    : stream_(std::move(stream)), batch_(batch), accumulate_(accumulate), time_(time) {
  check_rows(stream_, time);
}

void TaskBatches::fill(int64_t step, int64_t micro, const BatchView& out) const noexcept {
  for (int64_t row = 0; row < batch_; ++row) {
    stream_.fill((step * accumulate_ + micro) * batch_ + row, row_of(out, row, time_));
  }
}

TaskSet::TaskSet(TaskStream stream, int64_t count, int64_t time)
    : stream_(std::move(stream)), count_(count), time_(time) {
  check_rows(stream_, time);
}

void TaskSet::fill(int64_t first, const BatchView& out) const noexcept {
  const int64_t rows = static_cast<int64_t>(out.tokens.size()) / time_;
  for (int64_t row = 0; row < rows; ++row) {
    const BatchView to = row_of(out, row, time_);
    first + row < count_ ? stream_.fill(first + row, to) : fill_blank(to);
  }
}

}  // namespace weft
