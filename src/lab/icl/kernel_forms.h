// The kernels of all forms but the block form's own (kernel_block.h), one table an instruction set.
#pragma once

#include "lab/icl/pack.h"
#include "simd/isa.h"

namespace weft::icl {

/// Parameters of a head, the full form last: the others are copied into it or into the block form.
enum class KernelForm : uint8_t { block, sparse, gdpp, diag4, full };
enum class KernelScore : uint8_t { linear, softmax, relu };

}  // namespace weft::icl

#define WEFT_DECLARE(isa)                                                                         \
  namespace weft::isa {                                                                           \
  /** Linear scores by Gram matrices of the full form, any number of heads, perceptron or not. */ \
  const icl::PackKernel& icl_gram_kernel(icl::KernelForm form, int64_t d) noexcept;               \
  /** Sparse and gdpp by way of the block form: one head, no perceptron. */                       \
  const icl::PackKernel& icl_narrow_block_kernel(icl::KernelForm form) noexcept;                  \
  /** Diagonal heads with linear scores, perceptron or not. */                                    \
  const icl::PackKernel& icl_diagonal_kernel(int64_t d) noexcept;                                 \
  /** Every score of every column. */                                                             \
  const icl::PackKernel& icl_literal_kernel(icl::KernelForm form, icl::KernelScore score,         \
                                            int64_t d) noexcept;                                  \
  }
WEFT_FOR_EACH_ISA(WEFT_DECLARE)
#undef WEFT_DECLARE
