// Declarations of array_math_simd.cc, once for each instruction set.
#pragma once

#include <cstdint>

#include "base/dtype.h"
#include "simd/isa.h"

#define WEFT_DECLARE(isa)                                                 \
  namespace weft::isa {                                                   \
  void array_exp(const float* x, float* y, int64_t n);                    \
  void array_exp_weight(const float* x, float* y, int64_t n);             \
  void array_exp_weight_bf16(const float* x, float* y, int64_t n);        \
  void array_gate(const float* z, float* open, float* closed, int64_t n); \
  void array_to_bf16(const float* x, bf16* y, int64_t n);                 \
  void array_to_f32(const bf16* x, float* y, int64_t n);                  \
  float array_sum(const float* x, int64_t n);                             \
  }
WEFT_FOR_EACH_ISA(WEFT_DECLARE)
#undef WEFT_DECLARE
