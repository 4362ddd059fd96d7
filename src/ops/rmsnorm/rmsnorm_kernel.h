// Arguments of the kernels of rmsnorm, and where they are defined.
#pragma once

#include "ops/row_kernel.h"
#include "simd/isa.h"

namespace weft {

/// T is the activation type, P = f64 for f64 and f32 otherwise.
struct RmsnormArgs {
  int64_t dim;
  double eps;
  const void* x;     // T [rows, dim]
  const void* gain;  // P [dim]
  void* y;           // T [rows, dim]
  void* rho;         // P [rows], 1 / root mean square
  const void* dy;    // T [rows, dim]
  void* dx;          // T [rows, dim] or null
  bool add_dx;
  void* d_gain;  // P [dim] or null: the sum over the rows of one call, assigned
};

RowFunctions<RmsnormArgs> rmsnorm_ref(DType type);

#define WEFT_DECLARE(isa)                             \
  namespace isa {                                     \
  RowFunctions<RmsnormArgs> rmsnorm_simd(DType type); \
  }
WEFT_FOR_EACH_ISA(WEFT_DECLARE)
#undef WEFT_DECLARE

}  // namespace weft
