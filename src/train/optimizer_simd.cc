#include "simd/vec.h"
#include "train/optimizer_kernel.h"

namespace weft::WEFT_ISA {
namespace {

// Calls f(i, lanes) for whole vectors and then for the rest.
template <class F>
WEFT_INLINE void each(int64_t n, F&& f) {
  for (int64_t i = 0; i < n; i += kLanes) {
    f(i, static_cast<int>(n - i < kLanes ? n - i : kLanes));
  }
}

WEFT_INLINE Vec read(const float* p, int lanes) {
  return lanes == kLanes ? load(p) : load_partial(p, lanes);
}
template <class T>
WEFT_INLINE void write(T* p, Vec v, int lanes) {
  if (lanes == kLanes) {
    store(p, v);
  } else {
    store_partial(p, v, lanes);
  }
}

}  // namespace

// No fused multiply-add: the pass is bound by memory, and so all instruction sets round alike.
void adamw(const UpdateSlice& s, const UpdateFactors& f) noexcept {
  each(s.n, [&](int64_t i, int lanes) {
    const Vec g = read(s.gradients + i, lanes) * f.gradient;
    const Vec m = read(s.first + i, lanes) * f.beta1 + g * f.share1;
    const Vec v = read(s.second + i, lanes) * f.beta2 + g * g * f.share2;
    const Vec w = read(s.weights + i, lanes) * f.keep - m * f.rate / (sqrt(v) * f.root + f.eps);
    write(s.first + i, m, lanes);
    write(s.second + i, v, lanes);
    write(s.weights + i, w, lanes);
    if (s.copy != nullptr) write(s.copy + i, w, lanes);
  });
}

void sgd(const UpdateSlice& s, const UpdateFactors& f) noexcept {
  each(s.n, [&](int64_t i, int lanes) {
    const Vec g = read(s.gradients + i, lanes) * f.gradient;
    const Vec m = read(s.first + i, lanes) * f.momentum + g;
    const Vec w = read(s.weights + i, lanes) * f.keep - m * f.rate;
    write(s.first + i, m, lanes);
    write(s.weights + i, w, lanes);
    if (s.copy != nullptr) write(s.copy + i, w, lanes);
  });
}

// Eight running sums in double, for every instruction set, folded in one order.
double sum_of_squares(const float* x, int64_t n) noexcept {
  constexpr int kSums = 8;
  double sums[kSums] = {};
  int64_t i = 0;
  for (; i + kSums <= n; i += kSums) {
    for (int k = 0; k < kSums; ++k) {
      const double value = x[i + k];
      sums[k] += value * value;
    }
  }
  for (int k = 0; i < n; ++i, ++k) sums[k] += static_cast<double>(x[i]) * x[i];
  double total = 0;
  for (const double s : sums) total += s;
  return total;
}

}  // namespace weft::WEFT_ISA
