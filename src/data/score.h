// The mean over all labels of a set of rows, batch by batch.
#pragma once

#include <cstdint>

#include "model/builder.h"

namespace weft {

struct Score {
  double loss = 0;      ///< nats per label
  double accuracy = 0;  ///< share of the labels that have the largest logit, of equal ones first
  int64_t labels = 0;
};

/// Sums in f64, in the order of the batches.
class ScoreSum {
 public:
  /// The results of a program of mode evaluate that has just run.
  void add(const BuiltProgram& built);
  /// Not a number where nothing was labelled.
  Score mean() const;

 private:
  double loss_ = 0, right_ = 0, labels_ = 0;
};

}  // namespace weft
