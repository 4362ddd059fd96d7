// The definition of rmsnorm.
#include <cmath>

#include "ops/rmsnorm/rmsnorm_kernel.h"

namespace weft {
namespace {

template <class T>
void forward(const RmsnormArgs& a, int64_t first, int64_t last) noexcept {
  using P = compute_t<T>;
  const auto* gain = static_cast<const P*>(a.gain);
  for (int64_t row = first; row < last; ++row) {
    const T* x = static_cast<const T*>(a.x) + row * a.dim;
    T* y = static_cast<T*>(a.y) + row * a.dim;
    P squares = 0;
    for (int64_t i = 0; i < a.dim; ++i) squares += P(x[i]) * P(x[i]);
    const P rho = 1 / std::sqrt(squares / P(a.dim) + P(a.eps));
    for (int64_t i = 0; i < a.dim; ++i) y[i] = T(P(x[i]) * rho * gain[i]);
    static_cast<P*>(a.rho)[row] = rho;
  }
}

/// With xh = x*rho and t = gain*dy: dx = rho * (t - xh * mean(t*xh)), dgain = sum of dy*xh.
template <class T>
void backward(const RmsnormArgs& a, int64_t first, int64_t last) noexcept {
  using P = compute_t<T>;
  const auto* gain = static_cast<const P*>(a.gain);
  auto* d_gain = static_cast<P*>(a.d_gain);
  for (int64_t i = 0; d_gain != nullptr && i < a.dim; ++i) d_gain[i] = 0;
  for (int64_t row = first; row < last; ++row) {
    const T* x = static_cast<const T*>(a.x) + row * a.dim;
    const T* dy = static_cast<const T*>(a.dy) + row * a.dim;
    T* dx = static_cast<T*>(a.dx) + row * a.dim;
    const P rho = static_cast<const P*>(a.rho)[row];
    P along = 0;
    for (int64_t i = 0; i < a.dim; ++i) along += gain[i] * P(dy[i]) * P(x[i]) * rho;
    for (int64_t i = 0; i < a.dim; ++i) {
      const P xh = P(x[i]) * rho, t = gain[i] * P(dy[i]);
      if (a.dx != nullptr) {
        const P d = rho * (t - xh * along / P(a.dim));
        dx[i] = T(a.add_dx ? P(dx[i]) + d : d);
      }
      if (d_gain != nullptr) d_gain[i] += P(dy[i]) * xh;
    }
  }
}

}  // namespace

RowFunctions<RmsnormArgs> rmsnorm_ref(DType type) {
  if (type == DType::f64) return {forward<double>, backward<double>};
  if (type == DType::f32) return {forward<float>, backward<float>};
  return {forward<bf16>, backward<bf16>};
}

}  // namespace weft
