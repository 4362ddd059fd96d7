// Arguments of the kernels of add, and where they are defined.
#pragma once

#include "ops/row_kernel.h"
#include "simd/isa.h"

namespace weft {

/// T is the activation type; y may be a, and da may be dy where it is assigned.
struct AddArgs {
  int64_t width;
  const void *a, *b;  // T [rows, width]
  void* y;            // T [rows, width]
  const void* dy;     // T [rows, width]
  void* d_in[2];      // T [rows, width] or null
  bool add[2];
};

RowFunctions<AddArgs> add_ref(DType type);

#define WEFT_DECLARE(isa)                     \
  namespace isa {                             \
  RowFunctions<AddArgs> add_simd(DType type); \
  }
WEFT_FOR_EACH_ISA(WEFT_DECLARE)
#undef WEFT_DECLARE

}  // namespace weft
