#include "ops/linear/linear_kernels.h"

#include "runtime/gemm_library.h"

namespace weft {
namespace {

constexpr FewRows kNoDot = {};
#if defined(__x86_64__)
constexpr FewRows kDot = {avx512::pack_bf16_dot,       avx512::pack_bf16_dot,
                          avx512::panel_dot_bf16,      avx512::panel_dot_bf16_f32,
                          avx512::panel_dot_bf16_int8, avx512::panel_dot_bf16_int8_f32};
#endif

constexpr const FewRows& dot_panels(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return kDot;
#endif
  static_cast<void>(isa);
  return kNoDot;
}

}  // namespace

std::span<const Kernel<LinearKernel>> linear_kernels() {
#define WEFT_ENTRY(isa)                                          \
  Kernel<LinearKernel>{                                          \
      {WEFT_GEMM "+" #isa, Isa::isa, {DType::f32, DType::bf16}}, \
      {true, isa::matvec_f32, isa::matvec_bf16, isa::matvec_bf16_f32, isa::spread_bf16}},
  static const Kernel<LinearKernel> list[] = {WEFT_FOR_EACH_ISA(WEFT_ENTRY){
      {"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}}, {}}};
#undef WEFT_ENTRY
  return list;
}

std::span<const Kernel<ProjectionKernel>> projection_kernels() {
#define WEFT_ENTRY(isa)                                                                            \
  Kernel<ProjectionKernel>{{WEFT_GEMM "+" #isa, Isa::isa, {DType::f32, DType::bf16}},              \
                           {true,                                                                  \
                            {nullptr, isa::spread_f32_int8, isa::matvec_f32, isa::matvec_f32,      \
                             isa::matvec_int8_f32, isa::matvec_int8_f32},                          \
                            {isa::spread_bf16, isa::spread_bf16_int8, isa::matvec_bf16,            \
                             isa::matvec_bf16_f32, isa::matvec_int8_bf16, isa::matvec_int8_f32},   \
                            {isa::pack_f32, isa::pack_f32, isa::panel_f32, isa::panel_f32,         \
                             isa::panel_f32_int8, isa::panel_f32_int8},                            \
                            {isa::pack_bf16, isa::pack_bf16, isa::panel_bf16, isa::panel_bf16_f32, \
                             isa::panel_bf16_int8, isa::panel_bf16_int8_f32},                      \
                            dot_panels(Isa::isa),                                                  \
                            isa::widen_f32,                                                        \
                            isa::widen_bf16}},
  static const Kernel<ProjectionKernel> list[] = {WEFT_FOR_EACH_ISA(WEFT_ENTRY){
      {"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}}, {}}};
#undef WEFT_ENTRY
  return list;
}

}  // namespace weft
