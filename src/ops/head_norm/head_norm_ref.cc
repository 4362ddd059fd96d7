// The definition of head_norm.
#include <cmath>

#include "ops/head_norm/head_norm_kernel.h"

namespace weft {
namespace {

template <class P, class T>
P mean_of(const T* x, int64_t n) {
  P sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += P(x[i]);
  return sum / P(n);
}

template <class T>
void forward(const HeadNormArgs& a, int64_t first, int64_t last) noexcept {
  using P = compute_t<T>;
  const int64_t d = a.head_dim;
  for (int64_t group = first * a.heads; group < last * a.heads; ++group) {
    const int64_t channel = group % a.heads * d;
    const T* x = static_cast<const T*>(a.x) + group * d;
    T* y = static_cast<T*>(a.y) + group * d;
    const P* gamma = static_cast<const P*>(a.gamma) + channel;
    const P* beta = static_cast<const P*>(a.beta) + channel;
    const P mean = mean_of<P>(x, d);
    P variance = 0;
    for (int64_t i = 0; i < d; ++i) variance += (P(x[i]) - mean) * (P(x[i]) - mean) / P(d);
    const P rho = 1 / std::sqrt(variance + P(a.eps));
    for (int64_t i = 0; i < d; ++i) y[i] = T(gamma[i] * ((P(x[i]) - mean) * rho) + beta[i]);
    static_cast<P*>(a.rho)[group] = rho;
  }
}

/// With xh = (x - mean)*rho and t = gamma*dy: dx = rho * (t - mean(t) - xh * mean(t*xh)).
template <class T>
void backward(const HeadNormArgs& a, int64_t first, int64_t last) noexcept {
  using P = compute_t<T>;
  const int64_t d = a.head_dim, width = a.heads * d;
  auto* sums = static_cast<P*>(a.d_parameters);
  for (int64_t i = 0; i < 2 * width; ++i) sums[i] = 0;
  for (int64_t group = first * a.heads; group < last * a.heads; ++group) {
    const int64_t channel = group % a.heads * d;
    const T* x = static_cast<const T*>(a.x) + group * d;
    const T* dy = static_cast<const T*>(a.dy) + group * d;
    T* dx = static_cast<T*>(a.dx) + group * d;
    const P* gamma = static_cast<const P*>(a.gamma) + channel;
    P* d_gamma = sums + channel;
    P* d_beta = sums + width + channel;
    const P rho = static_cast<const P*>(a.rho)[group], mean = mean_of<P>(x, d);
    P mean_t = 0, along = 0;
    for (int64_t i = 0; i < d; ++i) {
      const P xh = (P(x[i]) - mean) * rho, t = gamma[i] * P(dy[i]);
      mean_t += t / P(d);
      along += t * xh / P(d);
      d_gamma[i] += P(dy[i]) * xh;
      d_beta[i] += P(dy[i]);
    }
    for (int64_t i = 0; a.dx != nullptr && i < d; ++i) {
      const P xh = (P(x[i]) - mean) * rho, t = gamma[i] * P(dy[i]);
      const P g = rho * (t - mean_t - xh * along);
      dx[i] = T(a.add_dx ? P(dx[i]) + g : g);
    }
  }
}

}  // namespace

RowFunctions<HeadNormArgs> head_norm_ref(DType type) {
  if (type == DType::f64) return {forward<double>, backward<double>};
  if (type == DType::f32) return {forward<float>, backward<float>};
  return {forward<bf16>, backward<bf16>};
}

}  // namespace weft
