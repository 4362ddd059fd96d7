// Declarations of matvec_simd.cc, once for each instruction set.
#pragma once

#include <cstdint>

#include "base/dtype.h"
#include "simd/isa.h"

namespace weft {

/// One call: y[r, o] = sum_i x[r, i] * w[o, i] for the weight rows in [begin, end).
struct MatvecArgs {
  const void* x;  // [rows, in]
  const void* w;  // [out, in]
  void* y;        // [rows, out]
  int64_t rows, in, out;
  int64_t begin, end;
};

}  // namespace weft

#define WEFT_DECLARE(isa)                                \
  namespace weft::isa {                                  \
  void matvec_f32(const MatvecArgs& args) noexcept;      \
  void matvec_bf16(const MatvecArgs& args) noexcept;     \
  void matvec_bf16_f32(const MatvecArgs& args) noexcept; \
  }
WEFT_FOR_EACH_ISA(WEFT_DECLARE)
#undef WEFT_DECLARE
