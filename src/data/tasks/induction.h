// Induction: what followed this token the last time? The step that induction heads do.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "data/batches.h"
#include "data/tasks/task.h"

namespace weft {

/// Tokens drawn evenly from `symbols` ids, which are drawn anew for each sequence. Where a token
/// has been there before, the label is the token that followed its latest earlier place.
class Induction final : public Task {
 public:
  /// `symbols` 0: a quarter of the length, but at least one and at most the vocabulary.
  Induction(TaskSizes sizes, int64_t symbols)
      : sizes_(sizes),
        symbols_(symbols > 0 ? symbols : std::clamp<int64_t>(sizes.length / 4, 1, sizes.vocab)) {
    const int64_t most = std::min(sizes.vocab, sizes.length);
    if (symbols_ <= most) return;
    fail(ErrorCode::config, {"config: data.task_args.symbols",
                             fmt::format("at most {}: a vocabulary of {}, sequences of {} tokens",
                                         most, sizes.vocab, sizes.length),
                             std::to_string(symbols_), ""});
  }

  void fill(Draws& draws, std::span<int32_t> tokens,
            std::span<int32_t> labels) const noexcept override {
    // The labels hold the alphabet until they are set.
    draw_distinct(draws, 0, sizes_.vocab, {labels.data(), symbols_});
    for (int32_t& token : tokens) token = labels[static_cast<size_t>(draws.below(symbols_))];
    for (size_t t = 0; t < tokens.size(); ++t) {
      labels[t] = kNoLabel;
      for (size_t s = t; s-- > 0;) {
        if (tokens[s] != tokens[t]) continue;
        labels[t] = tokens[s + 1];
        break;
      }
    }
  }

 private:
  TaskSizes sizes_;
  int64_t symbols_;
};

inline const ArgSpec kInductionArgs[] = {
    {.name = "symbols",
     .fallback = int64_t{0},
     .help = "different tokens that a sequence is drawn from; 0: a quarter of its length",
     .least = 0,
     .most = 1 << 20},
};

inline const TaskInfo kInduction = {
    .name = "induction",
    .source = "arXiv 2209.11895",
    .what = "random tokens: say what followed this one the last time",
    .args = kInductionArgs,
    .make = [](const Args& args, TaskSizes sizes) -> std::unique_ptr<Task> {
      return std::make_unique<Induction>(sizes, args.integer("symbols"));
    },
};

}  // namespace weft
