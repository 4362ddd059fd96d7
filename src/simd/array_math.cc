#include "simd/array_math.h"

#include "simd/array_math_isa.h"

namespace weft {

std::span<const ArrayMath> array_math() {
#define WEFT_ENTRY(isa)                 \
  ArrayMath{#isa,                       \
            isa::array_exp,             \
            isa::array_exp_weight,      \
            isa::array_exp_weight_bf16, \
            isa::array_gate,            \
            isa::array_to_bf16,         \
            isa::array_to_f32,          \
            isa::array_sum},
  static const ArrayMath table[] = {WEFT_FOR_EACH_ISA(WEFT_ENTRY)};
#undef WEFT_ENTRY
  return table;
}

}  // namespace weft
