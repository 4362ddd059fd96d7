// Arguments of the kernels of gate, and where they are defined.
#pragma once

#include "ops/row_kernel.h"
#include "simd/isa.h"

namespace weft {

/// T is the activation type, P = f64 for f64 and f32 otherwise.
struct GateArgs {
  int64_t dim, heads;
  const void* x;   // T [rows, dim]
  const void* w;   // P [heads, dim]
  const void* b;   // P [heads]
  void* c;         // T [rows, heads]
  void* z;         // P [rows, heads], x w^T + b
  const void* dc;  // T [rows, heads]
  void* dx;        // T [rows, dim] or null
  bool add_dx;
  void* d_parameters;  // P [heads, dim] and [heads]: dw and db of the rows of one call, assigned
  void* dz;            // P [heads], scratch of one call
};

RowFunctions<GateArgs> gate_ref(DType type);

#define WEFT_DECLARE(isa)                       \
  namespace isa {                               \
  RowFunctions<GateArgs> gate_simd(DType type); \
  }
WEFT_FOR_EACH_ISA(WEFT_DECLARE)
#undef WEFT_DECLARE

}  // namespace weft
