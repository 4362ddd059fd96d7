// Kernels that work on a range of rows. Safe for *_simd.cc files: types only, no inline functions.
#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace weft {

/// Forward and backward of the rows [first, last). What they share across rows (sums for parameter
/// gradients) goes to a partial result that the arguments name; the op adds partial results up.
template <class Args>
struct RowFunctions {
  void (*forward)(const Args& args, int64_t first, int64_t last) noexcept;
  void (*backward)(const Args& args, int64_t first, int64_t last) noexcept;
};

/// One kernel's functions for an activation type.
template <class Args>
using RowFunctionsOf = RowFunctions<Args> (*)(DType type);

}  // namespace weft
