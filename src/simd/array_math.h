// The vector functions applied to arrays, for each instruction set: conversions between storage
// types, and what the accuracy tests of simd/vec.h and simd/math.h measure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/dtype.h"

namespace weft {

/// Arrays of n elements at any alignment; outputs may not overlap inputs.
struct ArrayMath {
  std::string_view isa;
  void (*exp)(const float* x, float* y, int64_t n);
  void (*exp_weight)(const float* x, float* y, int64_t n);       ///< for weights in f32
  void (*exp_weight_bf16)(const float* x, float* y, int64_t n);  ///< and for those rounded next
  void (*gate)(const float* z, float* open, float* closed, int64_t n);
  void (*to_bf16)(const float* x, bf16* y, int64_t n);
  void (*to_f32)(const bf16* x, float* y, int64_t n);
  float (*sum)(const float* x, int64_t n);
};

/// One entry for each instruction set of this build, strongest first. Call only those that the
/// machine executes.
std::span<const ArrayMath> array_math();

}  // namespace weft
