#include "ops/head_norm/head_norm_kernel.h"
#include "ops/row_simd.h"

namespace weft::WEFT_ISA {
namespace {

template <class T>
WEFT_INLINE float mean_of(const T* x, int64_t n) {
  Vec total{};
  each_vec(n, [&](int64_t i, auto lanes) { total += load(x + i, lanes); });
  return sum(total) / static_cast<float>(n);
}

/// v - mean, and 0 in the lanes that a partial vector lacks.
WEFT_INLINE Vec centred(Vec v, float mean, Full) {
  return v - mean;
}
WEFT_INLINE Vec centred(Vec v, float mean, Part part) {
  return first_lanes(part.n) ? v - mean : Vec{};
}

template <class T>
void forward(const HeadNormArgs& a, int64_t first, int64_t last) noexcept {
  const int64_t d = a.head_dim;
  for (int64_t group = first * a.heads; group < last * a.heads; ++group) {
    const int64_t channel = group % a.heads * d;
    const T* x = static_cast<const T*>(a.x) + group * d;
    T* y = static_cast<T*>(a.y) + group * d;
    const float* gamma = static_cast<const float*>(a.gamma) + channel;
    const float* beta = static_cast<const float*>(a.beta) + channel;
    const float mean = mean_of(x, d);
    Vec squares{};
    each_vec(d, [&](int64_t i, auto lanes) {
      const Vec v = centred(load(x + i, lanes), mean, lanes);
      squares = fma(v, v, squares);
    });
    const float variance = sum(squares) / static_cast<float>(d);
    const float rho = 1.f / __builtin_sqrtf(variance + static_cast<float>(a.eps));
    each_vec(d, [&](int64_t i, auto lanes) {
      const Vec xh = (load(x + i, lanes) - mean) * rho;
      store(y + i, fma(load(gamma + i, lanes), xh, load(beta + i, lanes)), lanes);
    });
    static_cast<float*>(a.rho)[group] = rho;
  }
}

template <class T>
void backward(const HeadNormArgs& a, int64_t first, int64_t last) noexcept {
  const int64_t d = a.head_dim, width = a.heads * d;
  auto* sums = static_cast<float*>(a.d_parameters);
  std::memset(sums, 0, 2 * sizeof(float) * static_cast<size_t>(width));
  for (int64_t group = first * a.heads; group < last * a.heads; ++group) {
    const int64_t channel = group % a.heads * d;
    const T* x = static_cast<const T*>(a.x) + group * d;
    const T* dy = static_cast<const T*>(a.dy) + group * d;
    const float* gamma = static_cast<const float*>(a.gamma) + channel;
    float* d_gamma = sums + channel;
    float* d_beta = sums + width + channel;
    const float rho = static_cast<const float*>(a.rho)[group], mean = mean_of(x, d);
    Vec total{}, along{};
    each_vec(d, [&](int64_t i, auto lanes) {
      const Vec g = load(dy + i, lanes), xh = (load(x + i, lanes) - mean) * rho;
      const Vec t = load(gamma + i, lanes) * g;
      total += t;
      along = fma(t, xh, along);
      store(d_gamma + i, fma(g, xh, load(d_gamma + i, lanes)), lanes);
      store(d_beta + i, load(d_beta + i, lanes) + g, lanes);
    });
    if (a.dx == nullptr) continue;
    T* dx = static_cast<T*>(a.dx) + group * d;
    const float mean_t = sum(total) / static_cast<float>(d);
    const float mean_along = sum(along) / static_cast<float>(d);
    each_vec(d, [&](int64_t i, auto lanes) {
      const Vec xh = (load(x + i, lanes) - mean) * rho;
      const Vec t = load(gamma + i, lanes) * load(dy + i, lanes) - mean_t;
      store_or_add(dx + i, fnma(xh, splat(mean_along), t) * rho, a.add_dx, lanes);
    });
  }
}

}  // namespace

RowFunctions<HeadNormArgs> head_norm_simd(DType type) {
  if (type == DType::bf16) return {forward<bf16>, backward<bf16>};
  return {forward<float>, backward<float>};
}

}  // namespace weft::WEFT_ISA
