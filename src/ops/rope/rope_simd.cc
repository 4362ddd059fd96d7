#include "ops/rope/rope_kernel.h"
#include "ops/row_simd.h"

namespace weft::WEFT_ISA {
namespace {

template <class T>
WEFT_INLINE void rotate(const RopeArgs& a, int64_t first, int64_t last, float direction) {
  const int64_t half = a.head_dim / 2, width = a.heads * a.head_dim;
  for (int64_t row = first; row < last; ++row) {
    const int64_t start = a.first_key == nullptr ? 0 : a.first_key[row];
    const float* cosines = a.table + (a.past + row % a.time - start) * a.head_dim;
    const float* sines = cosines + half;
    for (int64_t h = 0; h < a.heads; ++h) {
      const T* x = static_cast<const T*>(a.x) + row * width + h * a.head_dim;
      T* y = static_cast<T*>(a.y) + row * width + h * a.head_dim;
      each_vec(half, [&](int64_t i, auto lanes) {
        const Vec c = load(cosines + i, lanes), s = load(sines + i, lanes) * direction;
        const Vec x1 = load(x + i, lanes), x2 = load(x + half + i, lanes);
        store_or_add(y + i, fnma(x2, s, x1 * c), a.add, lanes);
        store_or_add(y + half + i, fma(x1, s, x2 * c), a.add, lanes);
      });
    }
  }
}

template <class T>
void forward(const RopeArgs& a, int64_t first, int64_t last) noexcept {
  rotate<T>(a, first, last, 1.f);
}
template <class T>
void backward(const RopeArgs& a, int64_t first, int64_t last) noexcept {
  rotate<T>(a, first, last, -1.f);
}

}  // namespace

RowFunctions<RopeArgs> rope_simd(DType type) {
  if (type == DType::bf16) return {forward<bf16>, backward<bf16>};
  return {forward<float>, backward<float>};
}

}  // namespace weft::WEFT_ISA
