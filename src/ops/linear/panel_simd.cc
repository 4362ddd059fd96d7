// Panels in f32. Weights of other types are widened a chunk at a time.
#include "ops/linear/panel.h"

namespace weft::WEFT_ISA {
namespace {

struct InFloats {
  using Weight = float;
  template <int kCount>
  static void absorb(const float* panel, const float* block, int64_t steps, PanelNext next,
                     PanelSums& sums) {
    Vec s[kCount][kPanelVecs];
    for (int o = 0; o < kCount; ++o) {
      for (int v = 0; v < kPanelVecs; ++v) s[o][v] = sums.at[o][v];
    }
    for (int64_t i = 0; i < steps; ++i) {
      Vec x[kPanelVecs];
      for (int v = 0; v < kPanelVecs; ++v) x[v] = load(panel + i * kPanelRows + v * kLanes);
      __builtin_prefetch(next.at + i * next.step, 0, 2);
#pragma GCC unroll 16
      for (int o = 0; o < kCount; ++o) {
        const Vec weight = splat(block[o * PanelBlock<float>::kStride + i]);
        for (int v = 0; v < kPanelVecs; ++v) s[o][v] = fma(x[v], weight, s[o][v]);
      }
    }
    for (int o = 0; o < kCount; ++o) {
      for (int v = 0; v < kPanelVecs; ++v) sums.at[o][v] = s[o][v];
    }
  }
};

/// panel [panels, in, 16] from x [rows, in]; lanes without a row are 0.
template <class T>
WEFT_INLINE void pack(const void* from, int64_t rows, int64_t in, void* to) {
  const T* x = static_cast<const T*>(from);
  float* out = static_cast<float*>(to);
  for (int64_t first = 0; first < rows; first += kPanelRows, out += in * kPanelRows) {
    const int64_t present = rows - first < kPanelRows ? rows - first : kPanelRows;
    if (present < kPanelRows) {
      std::memset(out, 0, static_cast<size_t>(in * kPanelRows) * sizeof(float));
    }
    const int64_t whole = present == kPanelRows ? in / kLanes * kLanes : 0;
    transpose(x + first * in, kPanelRows, whole, in, out, kPanelRows);
    for (int64_t r = 0; r < present; ++r) {
      const T* row = x + (first + r) * in;
      for (int64_t i = whole; i < in; ++i) out[i * kPanelRows + r] = load_scalar(row + i);
    }
  }
}

}  // namespace

void pack_f32(const void* x, int64_t rows, int64_t in, void* panel) noexcept {
  pack<float>(x, rows, in, panel);
}
void pack_bf16(const void* x, int64_t rows, int64_t in, void* panel) noexcept {
  pack<bf16>(x, rows, in, panel);
}
void panel_f32(const MatvecArgs& args) noexcept {
  panel_product<InFloats, float, float>(args);
}
void panel_bf16(const MatvecArgs& args) noexcept {
  panel_product<InFloats, bf16, bf16>(args);
}
void panel_bf16_f32(const MatvecArgs& args) noexcept {
  panel_product<InFloats, bf16, float>(args);
}
void panel_f32_int8(const MatvecArgs& args) noexcept {
  panel_product<InFloats, Int8, float>(args);
}
void panel_bf16_int8(const MatvecArgs& args) noexcept {
  panel_product<InFloats, Int8, bf16>(args);
}
void panel_bf16_int8_f32(const MatvecArgs& args) noexcept {
  panel_product<InFloats, Int8, float>(args);
}

}  // namespace weft::WEFT_ISA
