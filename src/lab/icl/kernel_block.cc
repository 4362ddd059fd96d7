#include "lab/icl/kernel_block.h"

#include "simd/isa.h"

#define WEFT_DECLARE(isa)                                         \
  namespace weft::isa {                                           \
  const icl::PackKernel& icl_block_kernel(int64_t size) noexcept; \
  }
WEFT_FOR_EACH_ISA(WEFT_DECLARE)
#undef WEFT_DECLARE

namespace weft::icl {

const PackKernel& block_kernel(int64_t d, Isa isa, bool any_size) {
  const int64_t size = any_size ? 0 : d;
#define WEFT_ENTRY(set) \
  if (isa >= Isa::set) return set::icl_block_kernel(size);
  WEFT_FOR_EACH_ISA(WEFT_ENTRY)
#undef WEFT_ENTRY
  static const PackKernel kNone;
  return kNone;
}

// Line by line as in gram_block.h: a product of matrices takes 2 d^3, one that is symmetric
// d^2 (d + 1), one with a vector 2 d^2.
double block_flops(int64_t size, int64_t examples, int64_t layers) {
  const auto d = static_cast<double>(size), n = static_cast<double>(examples);
  const double matrix = 2 * d * d * d, symmetric = d * d * (d + 1), vector = 2 * d * d;
  const double gram = (n * 2 + 1) * (d + d * (d + 1) / 2);
  const double last = vector + 2 * d + 2 * d + 2 * vector;  // u, e; ubar, xbar; gbar, Qbar
  const double forward = vector + 2 * d + 3 * matrix + symmetric + 3 * vector + 2 * d;
  const double back = 1.5 * vector + 4 * vector + 5 * d + 3 * matrix + 2 * vector;
  const double h_in = matrix + vector;                 // 2 H (A G), of all but the last two layers
  const double h_out = matrix + vector + d * (d + 1);  // sym(vbar u^T + Cbar Q^T), but layer 0
  const double h_both = matrix + symmetric + d * d / 2;  // A^T H A, where there is both
  const auto between = static_cast<double>(layers - 1);
  const auto inner = static_cast<double>(layers > 2 ? layers - 2 : 0);
  const auto both = static_cast<double>(layers > 3 ? layers - 3 : 0);
  return gram + last + between * (forward + back) + inner * (h_in + h_out) + both * h_both;
}

}  // namespace weft::icl
