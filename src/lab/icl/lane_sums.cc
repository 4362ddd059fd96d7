#include "lab/icl/lane_sums.h"

#include "runtime/runtime.h"
#include "simd/isa.h"

#define WEFT_DECLARE(isa)                        \
  namespace weft::isa {                          \
  const icl::LaneSums& icl_lane_sums() noexcept; \
  }
WEFT_FOR_EACH_ISA(WEFT_DECLARE)
#undef WEFT_DECLARE

namespace weft::icl {

const LaneSums& lane_sums(Isa isa) {
#define WEFT_ENTRY(set) \
  if (isa >= Isa::set) return set::icl_lane_sums();
  WEFT_FOR_EACH_ISA(WEFT_ENTRY)
#undef WEFT_ENTRY
  static const LaneSums kNone;
  return kNone;
}

}  // namespace weft::icl
