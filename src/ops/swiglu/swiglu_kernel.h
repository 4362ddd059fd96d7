// Arguments of the kernels of swiglu, and where they are defined.
#pragma once

#include "ops/row_kernel.h"
#include "simd/isa.h"

namespace weft {

/// T is the activation type.
struct SwigluArgs {
  int64_t width;
  const void *gate, *up;  // T [rows, width]
  void* y;                // T [rows, width]
  const void* dy;         // T [rows, width]
  void *d_gate, *d_up;    // T [rows, width] or null
  bool add_gate, add_up;
};

RowFunctions<SwigluArgs> swiglu_ref(DType type);

#define WEFT_DECLARE(isa)                           \
  namespace isa {                                   \
  RowFunctions<SwigluArgs> swiglu_simd(DType type); \
  }
WEFT_FOR_EACH_ISA(WEFT_DECLARE)
#undef WEFT_DECLARE

}  // namespace weft
