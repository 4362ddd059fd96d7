// Five to a few dozen rows of x times many rows of W: decoding in batches. Sixteen rows of x lie
// side by side (a panel), so that every weight is broadcast once for all of them and nothing is
// summed across lanes. Weights that the arithmetic does not take as they are stored are widened
// into a small block first, once for sixteen rows.
#include "ops/linear/matvec_isa.h"
#include "ops/linear/weights_simd.h"

namespace weft::WEFT_ISA {
namespace {

constexpr int kVecs = static_cast<int>(kPanelRows) / kLanes;
// Weight rows at a time. Sums, a panel row and a weight fit the 32 registers of AVX-512 (16 sums)
// and the 16 of the others (8).
constexpr int kWeights = kLanes == 16 ? 16 : 8 / kVecs;
constexpr int64_t kChunk = 256;  // columns at a time: 16 rows of widened weights are 16 KiB of L1

/// Sums of a block of weight rows, between two chunks of columns.
struct Sums {
  Vec at[kWeights][kVecs];
};

/// One chunk: n columns of kCount weight rows, `stride` elements apart, and of the panel.
template <int kCount>
WEFT_INLINE void absorb(const float* panel, const float* w, int64_t stride, int64_t n, Sums& sums) {
  Vec s[kCount][kVecs];
  for (int o = 0; o < kCount; ++o) {
    for (int v = 0; v < kVecs; ++v) s[o][v] = sums.at[o][v];
  }
  for (int64_t i = 0; i < n; ++i) {
    Vec x[kVecs];
    for (int v = 0; v < kVecs; ++v) x[v] = load(panel + i * kPanelRows + v * kLanes);
    for (int o = 0; o < kCount; ++o) {
      const Vec weight = splat(w[o * stride + i]);
      for (int v = 0; v < kVecs; ++v) s[o][v] = fma(x[v], weight, s[o][v]);
    }
  }
  for (int o = 0; o < kCount; ++o) {
    for (int v = 0; v < kVecs; ++v) sums.at[o][v] = s[o][v];
  }
}

template <int kCount, class W>
WEFT_INLINE void absorb_weights(const float* panel, const W* w, int64_t in, int64_t n, Sums& sums) {
  alignas(64) float wide[kCount * kChunk];
  for (int o = 0; o < kCount; ++o) widen_row(w + o * in, n, wide + o * kChunk);
  absorb<kCount>(panel, wide, kChunk, n, sums);
}
template <int kCount>
WEFT_INLINE void absorb_weights(const float* panel, const float* w, int64_t in, int64_t n,
                                Sums& sums) {
  absorb<kCount>(panel, w, in, n, sums);
}

template <int kCount, class W, class Y>
WEFT_INLINE void block(const MatvecArgs& a, int64_t o) {
  const W* w = static_cast<const W*>(a.w) + o * a.in;
  const bool more = o + 2 * kCount <= a.end;
  for (int64_t first = 0; first < a.rows; first += kPanelRows) {
    const float* panel = static_cast<const float*>(a.x) + first * a.in;
    Sums sums = {};
    for (int64_t i = 0; i < a.in; i += kChunk) {
      const int64_t n = a.in - i < kChunk ? a.in - i : kChunk;
      if (more && first == 0) prefetch_rows(w + kCount * a.in, a.in, i, n, kCount);
      absorb_weights<kCount>(panel + i * kPanelRows, w + i, a.in, n, sums);
    }
    write_panel<kVecs, Y>(a, o, kCount, first, sums.at);
  }
}

template <class W, class Y>
WEFT_INLINE void panel(const MatvecArgs& a) {
  int64_t o = a.begin;
  for (; o + kWeights <= a.end; o += kWeights) block<kWeights, W, Y>(a, o);
  for (; o < a.end; ++o) block<1, W, Y>(a, o);
}

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
    for (int64_t r = 0; r < present; ++r) {
      const T* row = x + (first + r) * in;
      for (int64_t i = 0; i < in; ++i) out[i * kPanelRows + r] = load_scalar(row + i);
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
  panel<float, float>(args);
}
void panel_bf16(const MatvecArgs& args) noexcept {
  panel<bf16, bf16>(args);
}
void panel_bf16_f32(const MatvecArgs& args) noexcept {
  panel<bf16, float>(args);
}
void panel_f32_int8(const MatvecArgs& args) noexcept {
  panel<Int8, float>(args);
}
void panel_bf16_int8(const MatvecArgs& args) noexcept {
  panel<Int8, bf16>(args);
}
void panel_bf16_int8_f32(const MatvecArgs& args) noexcept {
  panel<Int8, float>(args);
}

}  // namespace weft::WEFT_ISA
