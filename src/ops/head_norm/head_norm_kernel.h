// Arguments of the kernels of head_norm, and where they are defined.
#pragma once

#include "ops/row_kernel.h"
#include "simd/isa.h"

namespace weft {

/// T is the activation type, P = f64 for f64 and f32 otherwise; width = heads * head_dim.
struct HeadNormArgs {
  int64_t heads, head_dim;
  double eps;
  const void* x;      // T [rows, width]
  const void* gamma;  // P [width]
  const void* beta;   // P [width]
  void* y;            // T [rows, width]
  void* rho;          // P [rows, heads], 1 / standard deviation
  const void* dy;     // T [rows, width]
  void* dx;           // T [rows, width] or null
  bool add_dx;
  void*
      d_parameters;  // P [2, width]: d_gamma and d_beta summed over the rows of one call, assigned
};

RowFunctions<HeadNormArgs> head_norm_ref(DType type);

#define WEFT_DECLARE(isa)                                \
  namespace isa {                                        \
  RowFunctions<HeadNormArgs> head_norm_simd(DType type); \
  }
WEFT_FOR_EACH_ISA(WEFT_DECLARE)
#undef WEFT_DECLARE

}  // namespace weft
