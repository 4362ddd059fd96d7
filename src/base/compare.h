// The comparator that every kernel test uses; it has must-fail tests of its own.
#pragma once

#include <string>

#include "base/tensor.h"

namespace weft {

struct Comparison {
  double relative_l2 = 0;   ///< |got - want|_2 / |want|_2 (the absolute norm where want is 0)
  double relative_max = 0;  ///< max |got - want| / max |want| (absolute where want is 0)
  int64_t worst = -1;       ///< index of the largest difference
  std::string
      fault;  ///< shapes differ, or a NaN or infinity on one side only; then errors are infinite

  /// The larger of the two errors; infinite at a fault.
  double error() const;
};

/// Compares element by element in double. Equal infinities match; NaN never does.
Comparison compare(const TensorView& got, const TensorView& want);
/// True where every byte agrees (a NaN equals the same NaN, -0 differs from 0).
bool same_bits(const TensorView& a, const TensorView& b);

}  // namespace weft
