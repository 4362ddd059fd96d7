// Arguments of the kernels of mix, and where they are defined.
#pragma once

#include "ops/row_kernel.h"
#include "simd/isa.h"

namespace weft {

/// One head of one term. Reads stand term by term, head by head.
struct MixRead {
  int32_t input;
  int32_t term, head;
  int32_t next;    ///< the next read of the same columns, or -1
  bool first;      ///< no earlier read has these columns
  int64_t column;  ///< of the input
};

/// The coefficient of one term.
struct MixFactor {
  double scale;
  int32_t gain;  ///< input, or -1
  int32_t next;  ///< the next term with the same gate or the same element of a gain, or -1
  bool first;    ///< no earlier term has it
  bool complement, gate;
  int64_t element;
  double slope;  ///< dc/dg: scale, negative with complement
};

/// T is the activation type, P = f64 for f64 and f32 otherwise.
struct MixArgs {
  int64_t heads, width, terms;
  const MixRead* reads;      // [terms, heads]
  const MixFactor* factors;  // [terms]
  const int64_t* columns;    // [inputs], width of a row
  void* const* in;           // T [rows, columns], scalar gains P
  void* y;                   // T [rows, heads * width]
  const void* dy;            // T [rows, heads * width]
  void* const* d_in;         // like in; null where not wanted
  const uint8_t* add;        // [inputs]
  void* d_gain;              // P [terms]: <source, dy> * slope over the rows of one call, assigned
};

RowFunctions<MixArgs> mix_ref(DType type);

#define WEFT_DECLARE(isa)                     \
  namespace isa {                             \
  RowFunctions<MixArgs> mix_simd(DType type); \
  }
WEFT_FOR_EACH_ISA(WEFT_DECLARE)
#undef WEFT_DECLARE

}  // namespace weft
