// A few rows of x times many rows of W: decoding. The weights stream through once for up to four
// rows of x, so the speed is that of memory.
#include "ops/linear/matvec_isa.h"
#include "simd/vec.h"

namespace weft::WEFT_ISA {
namespace {

constexpr int kWeights = 4;  // weight rows at a time: 4 x 4 sums and 8 operands fit 32 registers

/// One block: kRows rows of x times kCount rows of w.
template <int kRows, int kCount, class T, class Y>
WEFT_INLINE void block(const T* x, const T* w, Y* y, int64_t in, int64_t out) {
  Vec sums[kRows][kCount] = {};
  int64_t i = 0;
  for (; i + kLanes <= in; i += kLanes) {
    Vec xs[kRows];
    for (int r = 0; r < kRows; ++r) xs[r] = load(x + r * in + i);
    for (int o = 0; o < kCount; ++o) {
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
    for (int o = 0; o < kCount; ++o) store_scalar(y + r * out + o, sum(sums[r][o]));
  }
}

template <int kRows, class T, class Y>
WEFT_INLINE void rows(const MatvecArgs& a, int64_t first, int64_t begin, int64_t end) {
  const T* x = static_cast<const T*>(a.x) + first * a.in;
  const T* w = static_cast<const T*>(a.w);
  Y* y = static_cast<Y*>(a.y) + first * a.out;
  if (end - begin == kWeights) {
    block<kRows, kWeights>(x, w + begin * a.in, y + begin, a.in, a.out);
    return;
  }
  for (int64_t o = begin; o < end; ++o) block<kRows, 1>(x, w + o * a.in, y + o, a.in, a.out);
}

template <class T, class Y>
WEFT_INLINE void matvec(const MatvecArgs& a) {
  for (int64_t o = a.begin; o < a.end; o += kWeights) {
    const int64_t end = o + kWeights < a.end ? o + kWeights : a.end;
    int64_t r = 0;
    for (; r + 4 <= a.rows; r += 4) rows<4, T, Y>(a, r, o, end);
    if (a.rows - r == 3) rows<3, T, Y>(a, r, o, end);
    if (a.rows - r == 2) rows<2, T, Y>(a, r, o, end);
    if (a.rows - r == 1) rows<1, T, Y>(a, r, o, end);
  }
}

}  // namespace

void matvec_f32(const MatvecArgs& args) noexcept {
  matvec<float, float>(args);
}
void matvec_bf16(const MatvecArgs& args) noexcept {
  matvec<bf16, bf16>(args);
}
void matvec_bf16_f32(const MatvecArgs& args) noexcept {
  matvec<bf16, float>(args);
}

}  // namespace weft::WEFT_ISA
