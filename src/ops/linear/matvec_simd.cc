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

/// How far ahead int8 weights are asked for, in bytes. A line of them takes so many instructions
/// that few lines are on their way at once (26 GB/s of 38 without, 34 with, 2 cores of Zen 4); f32
/// and bf16 are slower for it.
constexpr int64_t kAhead = 8192;

/// Sums of kRows rows of x times one row of W, one vector for each. One row after the other, so
/// that W is read as it lies in memory, which the prefetchers of the CPU foresee best: four rows at
/// a time reach 73 % of the bandwidth, with software prefetches 68 %, this 99 % (f32, 768 columns,
/// 2 cores of Zen 4).
template <int kRows, class W>
WEFT_INLINE void row(const float* x, const W* w, int64_t in, Vec* totals) {
  constexpr int64_t kChunk = kApart<W> * kLanes;
  constexpr int kChunks = kChains > kApart<W> ? kChains / kApart<W> : 1;  // at a time
  Vec sums[kRows][kChains] = {};
  const auto absorb = [&](int64_t i, int chain) {
    if constexpr (kApart<W> == 4) __builtin_prefetch(w + i + kAhead, 0, 2);
    Vec ws[kApart<W>];
    load_apart(w + i, ws);
    for (int k = 0; k < kApart<W>; ++k) {
      for (int r = 0; r < kRows; ++r) {
        Vec& sum = sums[r][(chain + k) % kChains];
        sum = fma(load(x + r * in + i + k * kLanes), ws[k], sum);
      }
    }
  };
  int64_t i = 0;
  for (; i + kChunks * kChunk <= in; i += kChunks * kChunk) {
    for (int c = 0; c < kChunks; ++c) absorb(i + c * kChunk, c * kApart<W>);
  }
  for (; i + kChunk <= in; i += kChunk) absorb(i, 0);
  for (int n; i < in; i += n) {
    n = static_cast<int>(in - i < kLanes ? in - i : kLanes);
    const Vec ws = load_partial(w + i, n);
    for (int r = 0; r < kRows; ++r) {
      sums[r][0] = fma(load_partial(x + r * in + i, n), ws, sums[r][0]);
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

/// Rows of x as floats, in the order in which weights of W come out of their words; what a factor
/// there multiplies is divided by it.
template <class X, class W>
WEFT_INLINE void spread(const void* from, int64_t rows, int64_t in, void* to) {
  constexpr int64_t kChunk = kApart<W> * kLanes;
  const X* x = static_cast<const X*>(from);
  float* out = static_cast<float*>(to);
  for (int64_t r = 0; r < rows; ++r, x += in, out += in) {
    int64_t i = 0;
    for (; i + kChunk <= in; i += kChunk) {
      Vec v[kApart<W>];
      for (int k = 0; k < kApart<W>; ++k) v[k] = load(x + i + k * kLanes);
      deal<kApart<W>>(v);
      for (int k = 0; k < kApart<W>; ++k) {
        store(out + i + k * kLanes, v[k] * (1.F / spread_factor<W>(k)));
      }
    }
    for (; i < in; ++i) out[i] = load_scalar(x + i);
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
void spread_bf16(const void* x, int64_t rows, int64_t in, void* to) noexcept {
  spread<bf16, bf16>(x, rows, in, to);
}
void spread_f32_int8(const void* x, int64_t rows, int64_t in, void* to) noexcept {
  spread<float, Int8>(x, rows, in, to);
}
void spread_bf16_int8(const void* x, int64_t rows, int64_t in, void* to) noexcept {
  spread<bf16, Int8>(x, rows, in, to);
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
