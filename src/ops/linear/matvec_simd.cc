// A few rows of x times many rows of W: decoding. The weights stream through once for up to four
// rows of x, so the speed is that of memory.
#include "ops/linear/matvec_isa.h"
#include "ops/linear/weights_simd.h"

namespace weft::WEFT_ISA {
namespace {

/// Sums in flight for each row of x, so that no addition waits for the one before it; those of four
/// rows take half of the registers.
constexpr int kChains = kRegisters / 8;
static_assert(kChains == 2 || kChains == 4);

/// Sums of kRows rows of x times one row of W, one vector for each. One row after the other, so
/// that W is read as it lies in memory, which the prefetchers of the CPU foresee best: four rows at
/// a time reach 73 % of the bandwidth, with software prefetches 68 %, this 99 % (f32, 768 columns,
/// 2 cores of Zen 4).
template <int kRows, class W>
WEFT_INLINE void row(const float* x, const W* w, int64_t in, Vec* totals) {
  Vec sums[kRows][kChains] = {};
  const auto absorb = [&](int64_t i, int chain) {
    const Vec ws = load(w + i);
    for (int r = 0; r < kRows; ++r) {
      sums[r][chain] = fma(load(x + r * in + i), ws, sums[r][chain]);
    }
  };
  int64_t i = 0;
  for (; i + kChains * kLanes <= in; i += kChains * kLanes) {
    for (int c = 0; c < kChains; ++c) absorb(i + c * kLanes, c);
  }
  for (; i + kLanes <= in; i += kLanes) absorb(i, 0);
  if (const int rest = static_cast<int>(in - i); rest > 0) {
    const Vec ws = load_partial(w + i, rest);
    for (int r = 0; r < kRows; ++r) {
      sums[r][0] = fma(load_partial(x + r * in + i, rest), ws, sums[r][0]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    Vec total = sums[r][0] + sums[r][1];
    if constexpr (kChains == 4) total += sums[r][2] + sums[r][3];
    totals[r * kLanes] = total;
  }
}

/// kRows rows of x, from row `first`, times `count` rows of W from row o, at most kLanes.
template <int kRows, class W, class Y>
WEFT_INLINE void block(const MatvecArgs& a, int64_t first, int64_t o, int count) {
  const float* x = static_cast<const float*>(a.x) + first * a.in;
  const W* w = static_cast<const W*>(a.w) + o * a.in;
  Y* y = static_cast<Y*>(a.y) + first * a.out + o;
  Vec totals[kRows * kLanes];  // [row of x, row of W]
  for (int n = 0; n < count; ++n) row<kRows>(x, w + n * a.in, a.in, totals + n);
  for (int n = count; n < kLanes; ++n) {
    for (int r = 0; r < kRows; ++r) totals[r * kLanes + n] = Vec{};
  }
  const Vec scale = a.scale == nullptr ? splat(1.F) : load_partial(a.scale + o, count);
  for (int r = 0; r < kRows; ++r) {
    const Vec sums = sum_each(totals + r * kLanes) * scale;
    if (count == kLanes) {
      store(y + r * a.out, sums);
    } else {
      store_partial(y + r * a.out, sums, count);
    }
  }
}

template <class W, class Y>
WEFT_INLINE void matvec(const MatvecArgs& a) {
  for (int64_t o = a.begin; o < a.end; o += kLanes) {
    const int count = static_cast<int>(a.end - o < kLanes ? a.end - o : kLanes);
    int64_t r = 0;
    for (; r + 4 <= a.rows; r += 4) block<4, W, Y>(a, r, o, count);
    if (a.rows - r == 3) block<3, W, Y>(a, r, o, count);
    if (a.rows - r == 2) block<2, W, Y>(a, r, o, count);
    if (a.rows - r == 1) block<1, W, Y>(a, r, o, count);
  }
}

template <class T>
WEFT_INLINE void widen_rows(const void* from, const float* scale, int64_t in, int64_t begin,
                            int64_t end, void* to) {
  for (int64_t o = begin; o < end; ++o) {
    const Int8* row = static_cast<const Int8*>(from) + o * in;
    T* out = static_cast<T*>(to) + o * in;
    const Vec s = splat(scale[o]);
    int64_t i = 0;
    for (; i + kLanes <= in; i += kLanes) store(out + i, load(row + i) * s);
    if (i < in) {
      const int rest = static_cast<int>(in - i);
      store_partial(out + i, load_partial(row + i, rest) * s, rest);
    }
  }
}

}  // namespace

void widen_f32(const void* w, const float* scale, int64_t in, int64_t begin, int64_t end,
               void* to) noexcept {
  widen_rows<float>(w, scale, in, begin, end, to);
}
void widen_bf16(const void* w, const float* scale, int64_t in, int64_t begin, int64_t end,
                void* to) noexcept {
  widen_rows<bf16>(w, scale, in, begin, end, to);
}
void matvec_f32(const MatvecArgs& args) noexcept {
  matvec<float, float>(args);
}
void matvec_bf16(const MatvecArgs& args) noexcept {
  matvec<bf16, bf16>(args);
}
void matvec_bf16_f32(const MatvecArgs& args) noexcept {
  matvec<bf16, float>(args);
}
void matvec_int8_f32(const MatvecArgs& args) noexcept {
  matvec<Int8, float>(args);
}
void matvec_int8_bf16(const MatvecArgs& args) noexcept {
  matvec<Int8, bf16>(args);
}

}  // namespace weft::WEFT_ISA
