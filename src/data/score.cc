#include "data/score.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace weft {

void ScoreSum::add(const BuiltProgram& built, std::span<const int32_t> labels) {
  const TensorView losses = built.program.value(built.row_losses);  // [rows, 1]
  for (size_t r = 0; r < labels.size(); ++r) {
    if (labels[r] >= 0) loss_ += get(losses, static_cast<int64_t>(r));
  }
  right_ += get(built.program.value(built.right), 0);
  labels_ += count_labels(labels);
}

void ScoreSum::add(const ScoreSum& other) {
  loss_ += other.loss_;
  right_ += other.right_;
  labels_ += other.labels_;
}

Score ScoreSum::mean() const {
  const auto count = static_cast<double>(labels_);
  return {loss_ / count, right_ / count, labels_};
}

int64_t count_labels(std::span<const int32_t> labels) noexcept {
  return std::count_if(labels.begin(), labels.end(), [](int32_t label) { return label >= 0; });
}

void no_labels(const std::string& where, int64_t rows, const std::string& hint) {
  fail(ErrorCode::input,
       {where, "at least one label to score",
        fmt::format("no label in {} sequence{}", rows, rows == 1 ? "" : "s"), hint});
}

}  // namespace weft
