// Copy: repeat a segment.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "data/batches.h"
#include "data/tasks/task.h"

namespace weft {

/// Random tokens, the separator 0, a random segment, the separator again, and all of the segment
/// but its last token. From the second separator on the labels are the segment. No random token
/// is 0.
class Copy final : public Task {
 public:
  /// `segment` 0: as long as fits, (length - 1) / 2.
  Copy(TaskSizes sizes, int64_t segment)
      : sizes_(sizes), segment_(segment > 0 ? segment : (sizes.length - 1) / 2) {
    if (segment_ >= 1 && 2 * segment_ + 1 <= sizes.length) return;
    fail(ErrorCode::config,
         {"config: data.task_args.segment",
          fmt::format("sequences of at least {} tokens for a segment of {}",
                      2 * std::max<int64_t>(segment_, 1) + 1, std::max<int64_t>(segment_, 1)),
          std::to_string(sizes.length), "use a shorter segment or a longer model.context"});
  }

  void fill(Draws& draws, std::span<int32_t> tokens,
            std::span<int32_t> labels) const noexcept override {
    const auto n = static_cast<size_t>(segment_);
    draw_ids(draws, 1, sizes_.vocab - 1, tokens);
    std::fill(labels.begin(), labels.end(), kNoLabel);
    const std::span<int32_t> segment = tokens.subspan(tokens.size() - 2 * n, n);
    const std::span<int32_t> again = tokens.last(n);
    tokens[tokens.size() - 2 * n - 1] = 0;
    again[0] = 0;
    std::copy_n(segment.begin(), n - 1, again.begin() + 1);
    std::copy(segment.begin(), segment.end(), labels.last(n).begin());
  }

 private:
  TaskSizes sizes_;
  int64_t segment_;
};

inline const ArgSpec kCopyArgs[] = {
    {.name = "segment",
     .fallback = int64_t{0},
     .help = "tokens to repeat; 0: as many as fit, (length - 1) / 2",
     .least = 0,
     .most = 1 << 19},
};

inline const TaskInfo kCopy = {
    .name = "copy",
    .source = "arXiv 1410.5401",
    .what = "a random segment between separators: repeat it",
    .args = kCopyArgs,
    .make = [](const Args& args, TaskSizes sizes) -> std::unique_ptr<Task> {
      return std::make_unique<Copy>(sizes, args.integer("segment"));
    },
};

}  // namespace weft
