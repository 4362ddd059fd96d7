// Which kernel runs a model.
#pragma once

#include "lab/icl/pack.h"
#include "lab/icl/setting.h"
#include "runtime/runtime.h"

namespace weft::icl {

/// Sizes of the model on prompts of n examples, as its kernel wants them.
KernelShape kernel_shape(const ModelShape& shape, int64_t d, int64_t n);

/// The fastest kernel of the model for prompts of dimension d on an instruction set: the block form
/// by its own Gram kernel (sparse and gdpp as special cases of it), the diagonal form by its own,
/// every other linear model by the Gram kernel of the full form; the literal path and scores that
/// are not linear score by score. `jet` and `data` of the first group are null: wide_kernel_for has
/// them. All instruction sets give the same bits. Throws Error(config) where the Gram path is asked
/// for scores that are not linear; Error(usage) where this machine lacks the instruction set.
const PackKernel& kernel_for(const ModelShape& shape, int64_t d, Isa isa);

/// The twin of kernel_for that makes every form a case of the full one: for derivatives by jets and
/// by data, which not every kernel has, and for tests.
const PackKernel& wide_kernel_for(const ModelShape& shape, int64_t d, Isa isa);

}  // namespace weft::icl
