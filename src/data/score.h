// The mean over all labels of a set of rows, batch by batch: sums and counts, divided once.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "model/builder.h"

namespace weft {

struct Score {
  double loss = 0;      ///< nats per label
  double accuracy = 0;  ///< share of the labels that have the largest logit, of equal ones first
  int64_t labels = 0;
};

/// Sums the losses of the rows in f64, one after another: how rows are cut into batches has no
/// influence on the order.
class ScoreSum {
 public:
  /// The results of a program of mode train or evaluate that has just run with these labels, which
  /// are kNoLabel where nothing is scored.
  void add(const BuiltProgram& built, std::span<const int32_t> labels);
  void add(const ScoreSum& other);
  int64_t labels() const { return labels_; }
  /// Not a number where nothing was labelled: see no_labels().
  Score mean() const;

 private:
  double loss_ = 0, right_ = 0;
  int64_t labels_ = 0;
};

/// Labels that are one.
int64_t count_labels(std::span<const int32_t> labels) noexcept;

/// Throws the Error(input) of a mean over nothing. `where`: "step 3", "evaluation"; `rows`: the
/// sequences in which no label was found.
[[noreturn]] void no_labels(const std::string& where, int64_t rows, const std::string& hint);

}  // namespace weft
