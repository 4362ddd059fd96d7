// The definition of rope.
#include <cmath>

#include "ops/rope/rope_kernel.h"

namespace weft {
namespace {

template <class T>
void rotate(const RopeArgs& a, int64_t first, int64_t last, double direction) noexcept {
  using C = compute_t<T>;
  const int64_t half = a.head_dim / 2;
  for (int64_t row = first; row < last; ++row) {
    const int64_t start = a.first_key == nullptr ? 0 : a.first_key[row];
    const auto position = static_cast<double>(a.past + row % a.time - start);
    for (int64_t i = 0; i < half; ++i) {
      const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(a.head_dim);
      const double angle = direction * position * std::pow(a.theta, exponent);
      const C c = C(std::cos(angle)), s = C(std::sin(angle));
      for (int64_t h = 0; h < a.heads; ++h) {
        const int64_t lower = (row * a.heads + h) * a.head_dim + i, upper = lower + half;
        const auto* x = static_cast<const T*>(a.x);
        auto* y = static_cast<T*>(a.y);
        const C x1 = C(x[lower]), x2 = C(x[upper]);
        const C y1 = x1 * c - x2 * s, y2 = x2 * c + x1 * s;
        y[lower] = T(a.add ? C(y[lower]) + y1 : y1);
        y[upper] = T(a.add ? C(y[upper]) + y2 : y2);
      }
    }
  }
}

template <class T>
void forward(const RopeArgs& a, int64_t first, int64_t last) noexcept {
  rotate<T>(a, first, last, 1);
}
template <class T>
void backward(const RopeArgs& a, int64_t first, int64_t last) noexcept {
  rotate<T>(a, first, last, -1);
}

}  // namespace

RowFunctions<RopeArgs> rope_ref(DType type) {
  if (type == DType::f64) return {forward<double>, backward<double>};
  if (type == DType::f32) return {forward<float>, backward<float>};
  return {forward<bf16>, backward<bf16>};
}

}  // namespace weft
