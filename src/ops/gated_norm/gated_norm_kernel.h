// Arguments of the kernels of gated_norm, and where they are defined.
#pragma once

#include "ops/row_kernel.h"
#include "simd/isa.h"

namespace weft {

/// T is the activation type, P = f64 for f64 and f32 otherwise.
struct GatedNormArgs {
  int64_t width;
  double eps;
  const void* x;      // T [rows, width]
  const void* scale;  // P [width]
  const void* gate;   // P [width]
  void* y;            // T [rows, width]
  void* rho;          // P [rows], 1 / root mean square
  const void* dy;     // T [rows, width]
  void* dx;           // T [rows, width] or null
  bool add_dx;
  void* d_parameters;  // P [2, width]: d_scale and d_gate summed over one call's rows, assigned
};

RowFunctions<GatedNormArgs> gated_norm_ref(DType type);

#define WEFT_DECLARE(isa)                                  \
  namespace isa {                                          \
  RowFunctions<GatedNormArgs> gated_norm_simd(DType type); \
  }
WEFT_FOR_EACH_ISA(WEFT_DECLARE)
#undef WEFT_DECLARE

}  // namespace weft
