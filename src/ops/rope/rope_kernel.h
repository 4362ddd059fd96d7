// Arguments of the kernels of rope, and where they are defined.
#pragma once

#include "ops/row_kernel.h"
#include "simd/isa.h"

namespace weft {

/// T is the activation type. Forward writes y = R x; backward writes or adds y = R^T x, where x is
/// then the gradient of the output. y may be x where it is assigned.
struct RopeArgs {
  int64_t heads, head_dim;
  double theta;
  int64_t time;              // rows of one sequence
  int64_t past;              // position of its first row
  const int32_t* first_key;  // [rows] or null: positions restart there
  const float* table;        // [positions, 2, head_dim / 2], cosines and sines
  const void* x;             // T [rows, heads * head_dim]
  void* y;                   // T [rows, heads * head_dim]
  bool add;
};

RowFunctions<RopeArgs> rope_ref(DType type);

#define WEFT_DECLARE(isa)                       \
  namespace isa {                               \
  RowFunctions<RopeArgs> rope_simd(DType type); \
  }
WEFT_FOR_EACH_ISA(WEFT_DECLARE)
#undef WEFT_DECLARE

}  // namespace weft
