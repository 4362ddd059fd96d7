// A few rows of x times many rows of W: decoding. The weights stream through once for up to four
// rows of x, so the speed is that of memory.
#include "ops/linear/matvec_isa.h"
#include "ops/linear/weights_simd.h"

namespace weft::WEFT_ISA {
namespace {

constexpr int kWeights = 4;  // weight rows at a time: 4 x 4 sums and 8 operands fit 32 registers

/// How far ahead of the arithmetic weights are asked for. Four rows of an int8 matrix are streams
/// of a dozen lines each, too short for the prefetchers of the CPU: 768 columns of int8 are read at
/// 38 GB/s with this and at 19 without.
constexpr int64_t kAheadBytes = 8192;

/// One block: kRows rows of x times kCount rows of w.
template <int kRows, int kCount, class T, class W, class Y>
WEFT_INLINE void block(const T* x, const W* w, const float* scale, Y* y, int64_t in, int64_t out) {
  Vec sums[kRows][kCount] = {};
  int64_t i = 0;
  for (; i + kLanes <= in; i += kLanes) {
    Vec xs[kRows];
    for (int r = 0; r < kRows; ++r) xs[r] = load(x + r * in + i);
    for (int o = 0; o < kCount; ++o) {
      __builtin_prefetch(reinterpret_cast<const char*>(w + o * in + i) + kAheadBytes);
      const Vec ws = load(w + o * in + i);
      for (int r = 0; r < kRows; ++r) sums[r][o] = fma(xs[r], ws, sums[r][o]);
    }
  }
  if (const int rest = static_cast<int>(in - i); rest > 0) {
    for (int o = 0; o < kCount; ++o) {
      const Vec ws = load_partial(w + o * in + i, rest);
      for (int r = 0; r < kRows; ++r) {
        sums[r][o] = fma(load_partial(x + r * in + i, rest), ws, sums[r][o]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int o = 0; o < kCount; ++o) {
      const float s = sum(sums[r][o]);
      store_scalar(y + r * out + o, scale == nullptr ? s : s * scale[o]);
    }
  }
}

template <int kRows, class T, class W, class Y>
WEFT_INLINE void rows(const MatvecArgs& a, int64_t first, int64_t begin, int64_t end) {
  const T* x = static_cast<const T*>(a.x) + first * a.in;
  const W* w = static_cast<const W*>(a.w);
  const float* scale = a.scale;
  Y* y = static_cast<Y*>(a.y) + first * a.out;
  if (end - begin == kWeights) {
    block<kRows, kWeights>(x, w + begin * a.in, scale == nullptr ? scale : scale + begin, y + begin,
                           a.in, a.out);
    return;
  }
  for (int64_t o = begin; o < end; ++o) {
    block<kRows, 1>(x, w + o * a.in, scale == nullptr ? scale : scale + o, y + o, a.in, a.out);
  }
}

template <class T, class W, class Y>
WEFT_INLINE void matvec(const MatvecArgs& a) {
  for (int64_t o = a.begin; o < a.end; o += kWeights) {
    const int64_t end = o + kWeights < a.end ? o + kWeights : a.end;
    int64_t r = 0;
    for (; r + 4 <= a.rows; r += 4) rows<4, T, W, Y>(a, r, o, end);
    if (a.rows - r == 3) rows<3, T, W, Y>(a, r, o, end);
    if (a.rows - r == 2) rows<2, T, W, Y>(a, r, o, end);
    if (a.rows - r == 1) rows<1, T, W, Y>(a, r, o, end);
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
  matvec<float, float, float>(args);
}
void matvec_bf16(const MatvecArgs& args) noexcept {
  matvec<bf16, bf16, bf16>(args);
}
void matvec_bf16_f32(const MatvecArgs& args) noexcept {
  matvec<bf16, bf16, float>(args);
}
void matvec_f32_int8(const MatvecArgs& args) noexcept {
  matvec<float, Int8, float>(args);
}
void matvec_bf16_int8(const MatvecArgs& args) noexcept {
  matvec<bf16, Int8, bf16>(args);
}
void matvec_bf16_int8_f32(const MatvecArgs& args) noexcept {
  matvec<bf16, Int8, float>(args);
}

}  // namespace weft::WEFT_ISA
