#include "ops/cross_entropy/cross_entropy_kernels.h"

#include "runtime/gemm_library.h"

namespace weft {

std::span<const Kernel<CrossEntropyKernel>> cross_entropy_kernels() {
#define WEFT_ENTRY(isa)                                                                 \
  Kernel<CrossEntropyKernel>{{WEFT_GEMM "+" #isa, Isa::isa, {DType::f32, DType::bf16}}, \
                             {isa::exp_row, isa::scale_row, isa::scale_row_bf16}},
  static const Kernel<CrossEntropyKernel> list[] = {WEFT_FOR_EACH_ISA(WEFT_ENTRY){
      {"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}}, {}}};
#undef WEFT_ENTRY
  return list;
}

}  // namespace weft
