// The definition of gated_norm.
#include <cmath>

#include "ops/gated_norm/gated_norm_kernel.h"

namespace weft {
namespace {

/// sigmoid(z) and 1 - sigmoid(z), both relatively accurate.
template <class P>
void gate_of(P z, P& open, P& closed) {
  const P e = std::exp(-std::abs(z));
  const P near_one = 1 / (1 + e), near_zero = e / (1 + e);
  open = z >= 0 ? near_one : near_zero;
  closed = z >= 0 ? near_zero : near_one;
}

template <class T>
void forward(const GatedNormArgs& a, int64_t first, int64_t last) noexcept {
  using P = compute_t<T>;
  const auto* scale = static_cast<const P*>(a.scale);
  const auto* gate = static_cast<const P*>(a.gate);
  for (int64_t row = first; row < last; ++row) {
    const T* x = static_cast<const T*>(a.x) + row * a.width;
    T* y = static_cast<T*>(a.y) + row * a.width;
    P mean = 0;
    for (int64_t i = 0; i < a.width; ++i) mean += P(x[i]) * P(x[i]) / P(a.width);
    const P rho = 1 / std::sqrt(mean + P(a.eps));
    for (int64_t i = 0; i < a.width; ++i) {
      P open, closed;
      gate_of(gate[i] * P(x[i]), open, closed);
      y[i] = T(scale[i] * P(x[i]) * rho * open);
    }
    static_cast<P*>(a.rho)[row] = rho;
  }
}

/// With g = sigmoid(gate*x), t = scale*dy*g:
///   dx = rho * t * (1 + gate*x * (1 - g)) - x * rho^3 * mean(t*x)
///   d_scale = dy * x*rho * g,  d_gate = t * x*rho * x * (1 - g)
template <class T>
void backward(const GatedNormArgs& a, int64_t first, int64_t last) noexcept {
  using P = compute_t<T>;
  const auto* scale = static_cast<const P*>(a.scale);
  const auto* gate = static_cast<const P*>(a.gate);
  auto* d_scale = static_cast<P*>(a.d_parameters);
  P* d_gate = d_scale + a.width;
  for (int64_t i = 0; i < 2 * a.width; ++i) d_scale[i] = 0;
  for (int64_t row = first; row < last; ++row) {
    const T* x = static_cast<const T*>(a.x) + row * a.width;
    const T* dy = static_cast<const T*>(a.dy) + row * a.width;
    T* dx = static_cast<T*>(a.dx) + row * a.width;
    const P rho = static_cast<const P*>(a.rho)[row];
    P along = 0;
    for (int64_t i = 0; i < a.width; ++i) {
      P open, closed;
      gate_of(gate[i] * P(x[i]), open, closed);
      const P t = scale[i] * P(dy[i]) * open;
      along += t * P(x[i]) / P(a.width);
      d_scale[i] += P(dy[i]) * P(x[i]) * rho * open;
      d_gate[i] += t * P(x[i]) * rho * P(x[i]) * closed;
    }
    for (int64_t i = 0; a.dx != nullptr && i < a.width; ++i) {
      P open, closed;
      gate_of(gate[i] * P(x[i]), open, closed);
      const P t = scale[i] * P(dy[i]) * open;
      const P d = rho * t * (1 + gate[i] * P(x[i]) * closed) - P(x[i]) * rho * rho * rho * along;
      dx[i] = T(a.add_dx ? P(dx[i]) + d : d);
    }
  }
}

}  // namespace

RowFunctions<GatedNormArgs> gated_norm_ref(DType type) {
  if (type == DType::f64) return {forward<double>, backward<double>};
  if (type == DType::f32) return {forward<float>, backward<float>};
  return {forward<bf16>, backward<bf16>};
}

}  // namespace weft
