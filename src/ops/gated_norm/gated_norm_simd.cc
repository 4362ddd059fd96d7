#include "ops/gated_norm/gated_norm_kernel.h"
#include "ops/row_simd.h"
#include "simd/math.h"

namespace weft::WEFT_ISA {
namespace {

template <class T>
void forward(const GatedNormArgs& a, int64_t first, int64_t last) noexcept {
  const auto* scale = static_cast<const float*>(a.scale);
  const auto* gates = static_cast<const float*>(a.gate);
  for (int64_t row = first; row < last; ++row) {
    const T* x = static_cast<const T*>(a.x) + row * a.width;
    T* y = static_cast<T*>(a.y) + row * a.width;
    Vec squares{};
    each_vec(a.width, [&](int64_t i, auto lanes) {
      const Vec v = load(x + i, lanes);
      squares = fma(v, v, squares);
    });
    const float mean = sum(squares) / static_cast<float>(a.width);
    const float rho = 1.f / __builtin_sqrtf(mean + static_cast<float>(a.eps));
    each_vec(a.width, [&](int64_t i, auto lanes) {
      const Vec v = load(x + i, lanes);
      store(y + i, load(scale + i, lanes) * (v * rho) * gate(load(gates + i, lanes) * v).open,
            lanes);
    });
    static_cast<float*>(a.rho)[row] = rho;
  }
}

template <class T>
void backward(const GatedNormArgs& a, int64_t first, int64_t last) noexcept {
  const auto* scale = static_cast<const float*>(a.scale);
  const auto* gates = static_cast<const float*>(a.gate);
  auto* d_scale = static_cast<float*>(a.d_parameters);
  float* d_gate = d_scale + a.width;
  std::memset(d_scale, 0, 2 * sizeof(float) * static_cast<size_t>(a.width));
  for (int64_t row = first; row < last; ++row) {
    const T* x = static_cast<const T*>(a.x) + row * a.width;
    const T* dy = static_cast<const T*>(a.dy) + row * a.width;
    const float rho = static_cast<const float*>(a.rho)[row];
    Vec along{};
    each_vec(a.width, [&](int64_t i, auto lanes) {
      const Vec v = load(x + i, lanes), vr = v * rho;
      const Gate g = gate(load(gates + i, lanes) * v);
      const Vec dyg = load(dy + i, lanes) * g.open;
      const Vec t = load(scale + i, lanes) * dyg;
      along = fma(t, v, along);
      store(d_scale + i, fma(dyg, vr, load(d_scale + i, lanes)), lanes);
      store(d_gate + i, fma(t * vr, v * g.closed, load(d_gate + i, lanes)), lanes);
    });
    if (a.dx == nullptr) continue;
    T* dx = static_cast<T*>(a.dx) + row * a.width;
    const float c = rho * rho * sum(along) / static_cast<float>(a.width);
    each_vec(a.width, [&](int64_t i, auto lanes) {
      const Vec v = load(x + i, lanes), z = load(gates + i, lanes) * v;
      const Gate g = gate(z);
      const Vec t = load(scale + i, lanes) * load(dy + i, lanes) * g.open;
      store_or_add(dx + i, fnma(v, splat(c), fma(t * z, g.closed, t)) * rho, a.add_dx, lanes);
    });
  }
}

}  // namespace

RowFunctions<GatedNormArgs> gated_norm_simd(DType type) {
  if (type == DType::bf16) return {forward<bf16>, backward<bf16>};
  return {forward<float>, backward<float>};
}

}  // namespace weft::WEFT_ISA
