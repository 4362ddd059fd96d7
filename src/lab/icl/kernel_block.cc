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

}  // namespace weft::icl
