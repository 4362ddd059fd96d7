// The definition of gate.
#include <cmath>

#include "ops/gate/gate_kernel.h"

namespace weft {
namespace {

template <class P>
P sigmoid(P z) {
  return z >= 0 ? 1 / (1 + std::exp(-z)) : std::exp(z) / (1 + std::exp(z));
}

template <class T>
void forward(const GateArgs& a, int64_t first, int64_t last) noexcept {
  using P = compute_t<T>;
  const P* w = static_cast<const P*>(a.w);
  for (int64_t row = first; row < last; ++row) {
    const T* x = static_cast<const T*>(a.x) + row * a.dim;
    for (int64_t h = 0; h < a.heads; ++h) {
      P z = static_cast<const P*>(a.b)[h];
      for (int64_t i = 0; i < a.dim; ++i) z += P(x[i]) * w[h * a.dim + i];
      static_cast<P*>(a.z)[row * a.heads + h] = z;
      static_cast<T*>(a.c)[row * a.heads + h] = T(sigmoid(z));
    }
  }
}

/// dz = dc * c * (1 - c);  dx (+)= dz w;  dw += dz x;  db += dz
template <class T>
void backward(const GateArgs& a, int64_t first, int64_t last) noexcept {
  using P = compute_t<T>;
  const P* w = static_cast<const P*>(a.w);
  P *dw = static_cast<P*>(a.d_parameters), *db = dw + a.heads * a.dim;
  for (int64_t i = 0; i < a.heads * (a.dim + 1); ++i) dw[i] = 0;
  for (int64_t row = first; row < last; ++row) {
    const T* x = static_cast<const T*>(a.x) + row * a.dim;
    const auto dz = [&](int64_t h) {
      const P z = static_cast<const P*>(a.z)[row * a.heads + h];
      return P(static_cast<const T*>(a.dc)[row * a.heads + h]) * sigmoid(z) * sigmoid(-z);
    };
    for (int64_t h = 0; h < a.heads; ++h) {
      for (int64_t i = 0; i < a.dim; ++i) dw[h * a.dim + i] += dz(h) * P(x[i]);
      db[h] += dz(h);
    }
    T* dx = static_cast<T*>(a.dx) + row * a.dim;
    for (int64_t i = 0; a.dx != nullptr && i < a.dim; ++i) {
      P sum = a.add_dx ? P(dx[i]) : P(0);
      for (int64_t h = 0; h < a.heads; ++h) sum += dz(h) * w[h * a.dim + i];
      dx[i] = T(sum);
    }
  }
}

}  // namespace

RowFunctions<GateArgs> gate_ref(DType type) {
  if (type == DType::f64) return {forward<double>, backward<double>};
  if (type == DType::f32) return {forward<float>, backward<float>};
  return {forward<bf16>, backward<bf16>};
}

}  // namespace weft
