// The panels of panel_simd.cc in bf16 pairs, for CPUs that multiply and add two at a time: 1.8
// times the rate of f32 (measured on Zen 5: 874 against 479 GFLOP/s). Int8 weights are exact in
// bf16.
#include "ops/linear/matvec_isa.h"

#if defined(WEFT_ISA_avx512)
#include "ops/linear/panel.h"

// The instruction is beyond what the folder's AVX-512 objects may use; whoever chooses these
// functions has asked for Isa::avx512bf16.
#define WEFT_DOT __attribute__((target("avx512bf16")))

namespace weft::avx512 {
namespace {

struct InPairs {
  using Weight = bf16;
  template <int kCount>
  WEFT_DOT static void absorb(const float* panel, const bf16* block, int64_t steps, PanelNext next,
                              PanelSums& sums) {
    Vec s[kCount];
    for (int o = 0; o < kCount; ++o) s[o] = sums.at[o][0];
    for (int64_t i = 0; i < steps; ++i) {
      const auto x = (__m512bh)load(panel + i * kPanelRows);
      __builtin_prefetch(next.at + i * next.step, 0, 2);
#pragma GCC unroll 16
      for (int o = 0; o < kCount; ++o) {
        int32_t pair;
        std::memcpy(&pair, static_cast<const void*>(block + o * PanelBlock<bf16>::kStride + 2 * i),
                    sizeof pair);
        s[o] = _mm512_dpbf16_ps(s[o], x, (__m512bh)_mm512_set1_epi32(pair));
      }
    }
    for (int o = 0; o < kCount; ++o) sums.at[o][0] = s[o];
  }
};

}  // namespace

void pack_bf16_dot(const void* from, int64_t rows, int64_t in, void* to) noexcept {
  const bf16* x = static_cast<const bf16*>(from);
  auto* out = static_cast<float*>(to);  // [panels, pairs, 16] words
  const int64_t pairs = (in + 1) / 2;
  for (int64_t first = 0; first < rows; first += kPanelRows, out += pairs * kPanelRows) {
    const int64_t present = rows - first < kPanelRows ? rows - first : kPanelRows;
    if (present < kPanelRows) {
      std::memset(out, 0, static_cast<size_t>(pairs * kPanelRows) * sizeof(float));
    }
    const bool even = in % 2 == 0;  // rows are whole numbers of words
    const int64_t whole = present == kPanelRows && even ? pairs / kLanes * kLanes : 0;
    transpose(reinterpret_cast<const float*>(x + first * in), kPanelRows, whole, in / 2, out,
              kPanelRows);
    for (int64_t r = 0; r < present; ++r) {
      const bf16* row = x + (first + r) * in;
      for (int64_t p = whole; p < pairs; ++p) {
        const size_t bytes = 2 * p + 1 < in ? sizeof(float) : sizeof(bf16);
        out[p * kPanelRows + r] = 0;
        std::memcpy(out + p * kPanelRows + r, static_cast<const void*>(row + 2 * p), bytes);
      }
    }
  }
}

WEFT_DOT void panel_dot_bf16(const MatvecArgs& args) noexcept {
  panel_product<InPairs, bf16, bf16>(args);
}
WEFT_DOT void panel_dot_bf16_f32(const MatvecArgs& args) noexcept {
  panel_product<InPairs, bf16, float>(args);
}
WEFT_DOT void panel_dot_bf16_int8(const MatvecArgs& args) noexcept {
  panel_product<InPairs, Int8, bf16>(args);
}
WEFT_DOT void panel_dot_bf16_int8_f32(const MatvecArgs& args) noexcept {
  panel_product<InPairs, Int8, float>(args);
}

}  // namespace weft::avx512
#endif
