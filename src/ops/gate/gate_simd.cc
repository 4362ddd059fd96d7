#include "ops/gate/gate_kernel.h"
#include "ops/row_simd.h"
#include "simd/math.h"

namespace weft::WEFT_ISA {
namespace {

template <class T>
WEFT_INLINE float dot(const T* x, const float* w, int64_t n) {
  Vec total{};
  each_vec(n, [&](int64_t i, auto lanes) {
    total = fma(load(x + i, lanes), load(w + i, lanes), total);
  });
  return sum(total);
}

template <class T>
void forward(const GateArgs& a, int64_t first, int64_t last) noexcept {
  const float *w = static_cast<const float*>(a.w), *b = static_cast<const float*>(a.b);
  for (int64_t row = first; row < last; ++row) {
    const T* x = static_cast<const T*>(a.x) + row * a.dim;
    float* z = static_cast<float*>(a.z) + row * a.heads;
    T* c = static_cast<T*>(a.c) + row * a.heads;
    for (int64_t h = 0; h < a.heads; ++h) z[h] = dot(x, w + h * a.dim, a.dim) + b[h];
    each_vec(a.heads,
             [&](int64_t h, auto lanes) { store(c + h, gate(load(z + h, lanes)).open, lanes); });
  }
}

template <class T>
WEFT_INLINE void backward_row(const GateArgs& a, int64_t row) {
  const float* dz = static_cast<const float*>(a.dz);
  const float* w = static_cast<const float*>(a.w);
  const T* x = static_cast<const T*>(a.x) + row * a.dim;
  T* dx = a.dx == nullptr ? nullptr : static_cast<T*>(a.dx) + row * a.dim;
  float* dw = static_cast<float*>(a.d_parameters);
  each_vec(a.dim, [&](int64_t i, auto lanes) {
    const Vec v = load(x + i, lanes);
    Vec total = dx != nullptr && a.add_dx ? load(dx + i, lanes) : Vec{};
    for (int64_t h = 0; h < a.heads; ++h) {
      const Vec d = splat(dz[h]);
      float* sums = dw + h * a.dim + i;
      store(sums, fma(d, v, load(sums, lanes)), lanes);
      total = fma(d, load(w + h * a.dim + i, lanes), total);
    }
    if (dx != nullptr) store(dx + i, total, lanes);
  });
}

template <class T>
void backward(const GateArgs& a, int64_t first, int64_t last) noexcept {
  const int64_t n = a.heads * (a.dim + 1);
  std::memset(a.d_parameters, 0, sizeof(float) * static_cast<size_t>(n));
  float* db = static_cast<float*>(a.d_parameters) + a.heads * a.dim;
  for (int64_t row = first; row < last; ++row) {
    const float* z = static_cast<const float*>(a.z) + row * a.heads;
    float* dz = static_cast<float*>(a.dz);
    const T* dc = static_cast<const T*>(a.dc) + row * a.heads;
    each_vec(a.heads, [&](int64_t h, auto lanes) {
      const Gate s = gate(load(z + h, lanes));
      const Vec d = load(dc + h, lanes) * s.open * s.closed;
      store(dz + h, d, lanes);
      store(db + h, load(db + h, lanes) + d, lanes);
    });
    backward_row<T>(a, row);
  }
}

}  // namespace

RowFunctions<GateArgs> gate_simd(DType type) {
  if (type == DType::bf16) return {forward<bf16>, backward<bf16>};
  return {forward<float>, backward<float>};
}

}  // namespace weft::WEFT_ISA
