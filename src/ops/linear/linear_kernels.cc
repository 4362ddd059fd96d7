#include "ops/linear/linear_kernels.h"

#include "runtime/gemm_library.h"

namespace weft {
namespace {

constexpr Panels kNoDot = {};
#if defined(__x86_64__)
constexpr Panels kDot = {avx512::pack_bf16_dot,
                         {avx512::panel_dot_bf16, avx512::panel_dot_bf16_f32,
                          avx512::panel_dot_bf16_int8, avx512::panel_dot_bf16_int8_f32}};
#endif

constexpr const Panels& dot_panels(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return kDot;
#endif
  static_cast<void>(isa);
  return kNoDot;
}

}  // namespace

const float* floats_of(const void* x, DType type, int64_t n, void* scratch) noexcept {
  if (type == DType::f32) return static_cast<const float*>(x);
  auto* floats = static_cast<float*>(scratch);
  const bf16* from = static_cast<const bf16*>(x);
  for (int64_t i = 0; i < n; ++i) floats[i] = static_cast<float>(from[i]);
  return floats;
}

std::span<const Kernel<LinearKernel>> linear_kernels() {
#define WEFT_ENTRY(isa)                                                           \
  Kernel<LinearKernel>{{WEFT_GEMM "+" #isa, Isa::isa, {DType::f32, DType::bf16}}, \
                       {true, isa::matvec_f32, isa::matvec_bf16, isa::matvec_bf16_f32}},
  static const Kernel<LinearKernel> list[] = {WEFT_FOR_EACH_ISA(WEFT_ENTRY){
      {"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}}, {}}};
#undef WEFT_ENTRY
  return list;
}

std::span<const Kernel<ProjectionKernel>> projection_kernels() {
#define WEFT_ENTRY(isa)                                                                          \
  Kernel<ProjectionKernel>{                                                                      \
      {WEFT_GEMM "+" #isa, Isa::isa, {DType::f32, DType::bf16}},                                 \
      {true,                                                                                     \
       {isa::matvec_f32, isa::matvec_f32, isa::matvec_int8_f32, isa::matvec_int8_f32},           \
       {isa::matvec_bf16, isa::matvec_bf16_f32, isa::matvec_int8_bf16, isa::matvec_int8_f32},    \
       {isa::pack_f32,                                                                           \
        {isa::panel_f32, isa::panel_f32, isa::panel_f32_int8, isa::panel_f32_int8}},             \
       {isa::pack_bf16,                                                                          \
        {isa::panel_bf16, isa::panel_bf16_f32, isa::panel_bf16_int8, isa::panel_bf16_int8_f32}}, \
       dot_panels(Isa::isa),                                                                     \
       isa::widen_f32,                                                                           \
       isa::widen_bf16}},
  static const Kernel<ProjectionKernel> list[] = {WEFT_FOR_EACH_ISA(WEFT_ENTRY){
      {"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}}, {}}};
#undef WEFT_ENTRY
  return list;
}

}  // namespace weft
