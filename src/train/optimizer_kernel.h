// Arguments of the optimisers' kernels, and where they are defined (optimizer_simd.cc).
#pragma once

#include <cstdint>

#include "base/dtype.h"
#include "simd/isa.h"

namespace weft {

/// A piece of one parameter, `n` elements of each array.
struct UpdateSlice {
  float* weights = nullptr;
  float* first = nullptr;   ///< mean of the gradients (AdamW), velocity (SGD)
  float* second = nullptr;  ///< mean of their squares (AdamW)
  const float* gradients = nullptr;
  bf16* copy = nullptr;  ///< receives the rounded weights; null: there is no copy
  int64_t n = 0;
};

/// What is the same for all elements in one update.
struct UpdateFactors {
  float gradient = 1;  ///< on the gradient: clipping
  float keep = 1;      ///< on the weight: 1 - rate * decay
  float rate = 0;      ///< AdamW: learning rate / (1 - beta1^t)
  float root = 1;      ///< AdamW: 1 / sqrt(1 - beta2^t)
  float beta1 = 0, beta2 = 0, eps = 0;
  float share1 = 1, share2 = 1;  ///< 1 - beta, from double: 1 - 0.999f is off by 1e-5 of itself
  float momentum = 0;
};

}  // namespace weft

#define WEFT_DECLARE(isa)                                                \
  namespace weft::isa {                                                  \
  void adamw(const UpdateSlice& slice, const UpdateFactors& f) noexcept; \
  void sgd(const UpdateSlice& slice, const UpdateFactors& f) noexcept;   \
  double sum_of_squares(const float* x, int64_t n) noexcept;             \
  }
WEFT_FOR_EACH_ISA(WEFT_DECLARE)
#undef WEFT_DECLARE
