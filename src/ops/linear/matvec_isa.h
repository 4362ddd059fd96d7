// Declarations of matvec_simd.cc, panel_simd.cc and panel_dot_simd.cc, once for each instruction
// set.
#pragma once

#include <cstdint>

#include "base/dtype.h"
#include "simd/isa.h"

namespace weft {

/// One call: y[r, o] = sum_i x[r, i] * w[o, i] for the weight rows in [begin, end).
struct MatvecArgs {
  const void* x;  // [rows, in]; for a panel what pack made of it
  const void* w;  // [out, in]
  void* y;        // [rows, out]
  int64_t rows, in, out;
  int64_t begin, end;
  const float* scale = nullptr;  // [out], of int8 weights: w[o, i] is scale[o] times the integer
};

/// Rows of x that a panel holds side by side, whatever the instruction set: the lanes of AVX-512.
inline constexpr int64_t kPanelRows = 16;
inline constexpr int64_t kMostPanels = 2;  ///< of one call

}  // namespace weft

// Names of matvec: the type of the weights, of y where it is another. Names of spread, pack and
// panel: the type of x, of the weights where it is another, of y where it is another. `x` of a
// matvec is f32, for bf16 and int8 weights what spread made of it, [rows, in] in the order in which
// the weights come out of their words. `x` of a panel function is what pack made: [panels, in, 16]
// in f32; for the `_dot` ones, which need a CPU that multiplies bf16 (AVX512_BF16), [panels, (in +
// 1) / 2, 16, 2] in bf16.
#define WEFT_DECLARE(isa)                                                                    \
  namespace weft::isa {                                                                      \
  void matvec_f32(const MatvecArgs& args) noexcept;                                          \
  void matvec_bf16(const MatvecArgs& args) noexcept;                                         \
  void matvec_bf16_f32(const MatvecArgs& args) noexcept;                                     \
  void matvec_int8_f32(const MatvecArgs& args) noexcept;                                     \
  void matvec_int8_bf16(const MatvecArgs& args) noexcept;                                    \
  void spread_bf16(const void* x, int64_t rows, int64_t in, void* to) noexcept;              \
  void spread_f32_int8(const void* x, int64_t rows, int64_t in, void* to) noexcept;          \
  void spread_bf16_int8(const void* x, int64_t rows, int64_t in, void* to) noexcept;         \
  void widen_f32(const void* w, const float* scale, int64_t in, int64_t begin, int64_t end,  \
                 void* to) noexcept;                                                         \
  void widen_bf16(const void* w, const float* scale, int64_t in, int64_t begin, int64_t end, \
                  void* to) noexcept;                                                        \
  void pack_f32(const void* x, int64_t rows, int64_t in, void* panel) noexcept;              \
  void pack_bf16(const void* x, int64_t rows, int64_t in, void* panel) noexcept;             \
  void panel_f32(const MatvecArgs& args) noexcept;                                           \
  void panel_bf16(const MatvecArgs& args) noexcept;                                          \
  void panel_bf16_f32(const MatvecArgs& args) noexcept;                                      \
  void panel_f32_int8(const MatvecArgs& args) noexcept;                                      \
  void panel_bf16_int8(const MatvecArgs& args) noexcept;                                     \
  void panel_bf16_int8_f32(const MatvecArgs& args) noexcept;                                 \
  }
WEFT_FOR_EACH_ISA(WEFT_DECLARE)
#undef WEFT_DECLARE

#if defined(__x86_64__)
namespace weft::avx512 {
void pack_bf16_dot(const void* x, int64_t rows, int64_t in, void* panel) noexcept;
void panel_dot_bf16(const MatvecArgs& args) noexcept;
void panel_dot_bf16_f32(const MatvecArgs& args) noexcept;
void panel_dot_bf16_int8(const MatvecArgs& args) noexcept;
void panel_dot_bf16_int8_f32(const MatvecArgs& args) noexcept;
}  // namespace weft::avx512
#endif
