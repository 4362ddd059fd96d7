#include "data/score.h"

namespace weft {

void ScoreSum::add(const BuiltProgram& built) {
  const auto scalar = [&](ValueId id) { return get(built.program.value(id), 0); };
  const double labels = scalar(built.count);
  loss_ += scalar(built.loss) * labels;
  right_ += scalar(built.right);
  labels_ += labels;
}

Score ScoreSum::mean() const {
  return {loss_ / labels_, right_ / labels_, static_cast<int64_t>(labels_)};
}

}  // namespace weft
