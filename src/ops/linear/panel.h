// Five to a few dozen rows of x times many rows of W: decoding in batches. Sixteen rows of x lie
// side by side (a panel), so that every weight is broadcast once for all of them and nothing is
// summed across lanes. What multiplies is up to *_simd.cc files, the only ones to include this.
#pragma once

#include "ops/linear/matvec_isa.h"
#include "ops/linear/weights_simd.h"
#include "simd/transpose.h"

namespace weft::WEFT_ISA {

/// Vectors of a panel's rows.
constexpr int kPanelVecs = static_cast<int>(kPanelRows) / kLanes;
/// Weight rows at a time. Sums, a panel row and a weight fit the 32 registers of AVX-512 (16 sums)
/// and the 16 of the others (8).
constexpr int kPanelWeights = kLanes == 16 ? 16 : 8 / kPanelVecs;
/// Words of a weight row at a time: sixteen rows of them are 16 KiB, half of L1, and what they
/// multiply of a panel is the other half.
constexpr int64_t kPanelWords = 256;

/// Sums of weight rows and the rows of a panel, between two chunks of columns.
struct PanelSums {
  Vec at[kPanelWeights][kPanelVecs];
};

/// Weights of a chunk as they are multiplied, row after row, so that their places in the cache do
/// not depend on the width of W: rows of 8 KiB would crowd each other out (51 instead of 97 GFLOP/s
/// of one core, Zen 4).
template <class E>
struct PanelBlock {
  static constexpr int64_t kUnit = static_cast<int64_t>(sizeof(float) / sizeof(E));
  static constexpr int64_t kColumns = kPanelWords * kUnit;
  static constexpr int64_t kStride = kColumns + 16 * kUnit;  ///< from row to row
};

/// What the next rows of weights lie in, asked for step by step of the arithmetic, into the second
/// cache: all at once, or into the first, memory and arithmetic took their time one after the other
/// (95 GFLOP/s in f32 and 198 in bf16 instead of 181 and 351, two cores of a Zen 4).
struct PanelNext {
  const char* at;
  int64_t step;  ///< bytes: a line, or less where weights are narrow or few rows are taken
};

/// y[r, o + j] of the panel that begins at row `first`, from the sums of `count` weight rows.
template <class Y>
WEFT_INLINE void write_panel(const MatvecArgs& a, int64_t o, int count, int64_t first,
                             const PanelSums& sums) {
  const int64_t rows = a.rows - first < kPanelRows ? a.rows - first : kPanelRows;
  Y* y = static_cast<Y*>(a.y) + first * a.out + o;
  if constexpr (kPanelVecs == 1 && kPanelWeights == kLanes) {
    if (count == kLanes) {
      Vec of_rows[kLanes];
      for (int j = 0; j < kLanes; ++j) of_rows[j] = sums.at[j][0];
      transpose_square(of_rows);
      const Vec scale = a.scale == nullptr ? splat(1.F) : load(a.scale + o);
      for (int64_t r = 0; r < rows; ++r) store(y + r * a.out, of_rows[r] * scale);
      return;
    }
  }
  float lanes[kPanelRows];
  for (int j = 0; j < count; ++j) {
    const Vec scale = splat(a.scale == nullptr ? 1.F : a.scale[o + j]);
    for (int v = 0; v < kPanelVecs; ++v) store(lanes + v * kLanes, sums.at[j][v] * scale);
    for (int64_t r = 0; r < rows; ++r) store_scalar(y + r * a.out + j, lanes[r]);
  }
}

/// kCount rows of W from row o on times all panels. Arithmetic::absorb adds a chunk of `steps`
/// words:
///
///   template <int kCount>
///   static void absorb(const float* panel, const Weight* block, int64_t steps, PanelNext,
///   PanelSums&)
template <class Arithmetic, int kCount, class W, class Y>
WEFT_INLINE void panel_rows(const MatvecArgs& a, int64_t o) {
  using Block = PanelBlock<typename Arithmetic::Weight>;
  const W* w = static_cast<const W*>(a.w) + o * a.in;
  const W* next = o + 2 * kCount <= a.end ? w + kCount * a.in : w;
  const int64_t panels = (a.rows + kPanelRows - 1) / kPanelRows;
  const int64_t words = (a.in + Block::kUnit - 1) / Block::kUnit;
  alignas(64) float memory[kCount * (kPanelWords + 16)];  // a chunk of kCount rows
  auto* const block = reinterpret_cast<typename Arithmetic::Weight*>(memory);
  PanelSums sums[kMostPanels] = {};
  for (int64_t i = 0; i < a.in; i += Block::kColumns) {
    const int64_t n = a.in - i < Block::kColumns ? a.in - i : Block::kColumns;
    for (int j = 0; j < kCount; ++j) {
      auto* row = block + j * Block::kStride;
      widen_row(w + j * a.in + i, n, row);
      if (n % Block::kUnit != 0) row[n] = {};  // the last column has no partner
    }
    PanelNext ahead = {reinterpret_cast<const char*>(next + kCount * i),
                       kCount * Block::kUnit * static_cast<int64_t>(sizeof(W))};
    for (int64_t p = 0; p < panels; ++p) {
      const float* panel =
          static_cast<const float*>(a.x) + (p * words + i / Block::kUnit) * kPanelRows;
      Arithmetic::template absorb<kCount>(panel, block, (n + Block::kUnit - 1) / Block::kUnit,
                                          ahead, sums[p]);
      ahead.step = 0;
    }
  }
  for (int64_t p = 0; p < panels; ++p) write_panel<Y>(a, o, kCount, p * kPanelRows, sums[p]);
}

template <class Arithmetic, class W, class Y>
WEFT_INLINE void panel_product(const MatvecArgs& a) {
  int64_t o = a.begin;
  for (; o + kPanelWeights <= a.end; o += kPanelWeights) {
    panel_rows<Arithmetic, kPanelWeights, W, Y>(a, o);
  }
  for (; o < a.end; ++o) panel_rows<Arithmetic, 1, W, Y>(a, o);
}

}  // namespace weft::WEFT_ISA
