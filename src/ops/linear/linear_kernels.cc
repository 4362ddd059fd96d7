#include "ops/linear/linear_kernels.h"

namespace weft {

std::span<const Kernel<LinearKernel>> linear_kernels() {
#define WEFT_ENTRY(isa)                                                       \
  Kernel<LinearKernel>{{"onednn+" #isa, Isa::isa, {DType::f32, DType::bf16}}, \
                       {true, isa::matvec_f32, isa::matvec_bf16, isa::matvec_bf16_f32}},
  static const Kernel<LinearKernel> list[] = {WEFT_FOR_EACH_ISA(WEFT_ENTRY){
      {"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}}, {}}};
#undef WEFT_ENTRY
  return list;
}

}  // namespace weft
