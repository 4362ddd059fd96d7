// Declarations of softmax_simd.cc, once for each instruction set.
#pragma once

#include <cstdint>

#include "simd/isa.h"

namespace weft {

struct RowSum {
  float max, sum;
};

}  // namespace weft

/// exp_row: z[i] = exp(z[i] - max z); scale_row: z[i] *= factor; scale_row_bf16: the same, rounded
/// to bf16 and packed into the first half of the row.
#define WEFT_DECLARE(isa)                                          \
  namespace weft::isa {                                            \
  RowSum exp_row(float* z, int64_t n) noexcept;                    \
  void scale_row(float* z, int64_t n, float factor) noexcept;      \
  void scale_row_bf16(float* z, int64_t n, float factor) noexcept; \
  }
WEFT_FOR_EACH_ISA(WEFT_DECLARE)
#undef WEFT_DECLARE
