// The definition of swiglu.
#include <cmath>

#include "ops/swiglu/swiglu_kernel.h"

namespace weft {
namespace {

template <class C>
C sigmoid(C z) {
  return 1 / (1 + std::exp(-z));
}

template <class T>
void forward(const SwigluArgs& a, int64_t first, int64_t last) noexcept {
  using C = compute_t<T>;
  const auto* gate = static_cast<const T*>(a.gate);
  const auto* up = static_cast<const T*>(a.up);
  auto* y = static_cast<T*>(a.y);
  for (int64_t i = first * a.width; i < last * a.width; ++i) {
    const C g = C(gate[i]);
    y[i] = T(g * sigmoid(g) * C(up[i]));
  }
}

/// With s = sigmoid(g): dup = dy * g*s, dgate = dy * up * s * (1 + g * (1 - s)).
template <class T>
void backward(const SwigluArgs& a, int64_t first, int64_t last) noexcept {
  using C = compute_t<T>;
  const auto* gate = static_cast<const T*>(a.gate);
  const auto* up = static_cast<const T*>(a.up);
  const auto* dy = static_cast<const T*>(a.dy);
  auto* d_gate = static_cast<T*>(a.d_gate);
  auto* d_up = static_cast<T*>(a.d_up);
  for (int64_t i = first * a.width; i < last * a.width; ++i) {
    const C g = C(gate[i]), s = sigmoid(g), d = C(dy[i]);
    const C dg = d * C(up[i]) * s * (1 + g * sigmoid(-g));
    const C du = d * g * s;
    if (d_gate != nullptr) d_gate[i] = T(a.add_gate ? C(d_gate[i]) + dg : dg);
    if (d_up != nullptr) d_up[i] = T(a.add_up ? C(d_up[i]) + du : du);
  }
}

}  // namespace

RowFunctions<SwigluArgs> swiglu_ref(DType type) {
  if (type == DType::f64) return {forward<double>, backward<double>};
  if (type == DType::f32) return {forward<float>, backward<float>};
  return {forward<bf16>, backward<bf16>};
}

}  // namespace weft
