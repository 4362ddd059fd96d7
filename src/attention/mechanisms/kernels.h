// The kernel list of a streaming mechanism: tiles for every instruction set, then the reference.
#pragma once

#include "attention/reference.h"
#include "attention/tiled.h"
#include "simd/isa.h"

namespace weft {

template <class M>
AttentionKernel reference_kernel(DType type) {
  const auto of = []<class T>(T) {
    using R = Reference<M, T>;
    return AttentionKernel{R::forward_scratch, R::backward_scratch, R::forward, R::backward,
                           nullptr};
  };
  return type == DType::f64 ? of(double{}) : type == DType::f32 ? of(float{}) : of(bf16{});
}

// Instantiated by WEFT_TILES (tile_kernels.h).
#define WEFT_DECLARE(isa)                 \
  namespace isa {                         \
  template <class M>                      \
  const TileKernel* tiles_of(DType type); \
  }
WEFT_FOR_EACH_ISA(WEFT_DECLARE)
WEFT_FOR_EACH_DOT_ISA(WEFT_DECLARE)
#undef WEFT_DECLARE

/// Fastest first, `ref` last.
template <class M>
std::span<const Kernel<AttentionKernelOf>> streaming_kernels() {
#define WEFT_TILED(isa, ...)        \
  {{#isa, Isa::isa, {__VA_ARGS__}}, \
   [](DType type) { return tiled_kernel(isa::tiles_of<M>(type)); }},
#define WEFT_ENTRY(isa) WEFT_TILED(isa, DType::f32, DType::bf16)
#define WEFT_DOT_ENTRY(isa) WEFT_TILED(isa, DType::bf16)
  static const Kernel<AttentionKernelOf> list[] = {
      WEFT_FOR_EACH_DOT_ISA(WEFT_DOT_ENTRY) WEFT_FOR_EACH_ISA(WEFT_ENTRY){
          {"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}}, reference_kernel<M>}};
#undef WEFT_DOT_ENTRY
#undef WEFT_ENTRY
#undef WEFT_TILED
  return list;
}

}  // namespace weft
