// Associative recall: what MQAR and MQRAR have in common.
#pragma once

#include <cstdint>
#include <vector>

#include "data/tasks/task.h"

namespace weft {

/// Of a vocabulary, ids 1..V/2-1 are keys and V/2..V-1 are values. A sequence begins with
/// `assignments` pairs of key and value over `pairs` different keys; a key may be assigned again.
/// Then each key is a query once, at an even distance 2x from the last pair, x below
/// (length - 2 assignments) / 2 and drawn without replacement with probability proportional to
/// (x + 1)^(0.01 - 1), the law of the published generator (arXiv 2312.04927). All else is random.
/// The label of a query is the value that its key was assigned the `back`-th last time.
class AssociativeRecall final : public Task {
 public:
  struct Options {
    int64_t pairs = 1;
    int64_t assignments = 1;  ///< at least pairs * back
    int64_t back = 1;
  };

  /// Throws Error(config) where the vocabulary or the length is too small.
  AssociativeRecall(TaskSizes sizes, Options options);

  void fill(Draws& draws, std::span<int32_t> tokens,
            std::span<int32_t> labels) const noexcept override;

 private:
  void assign(Draws& draws, int32_t* tokens) const noexcept;
  int64_t draw_gap(Draws& draws, const int32_t* taken) const noexcept;
  int32_t value_of(const int32_t* tokens, int32_t key) const noexcept;

  TaskSizes sizes_;
  Options options_;
  std::vector<double> weights_;  // [places of a query], by x
};

}  // namespace weft
