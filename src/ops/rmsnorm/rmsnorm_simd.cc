#include "ops/rmsnorm/rmsnorm_kernel.h"
#include "ops/row_simd.h"

namespace weft::WEFT_ISA {
namespace {

template <class T>
void forward(const RmsnormArgs& a, int64_t first, int64_t last) noexcept {
  const auto* gain = static_cast<const float*>(a.gain);
  for (int64_t row = first; row < last; ++row) {
    const T* x = static_cast<const T*>(a.x) + row * a.dim;
    T* y = static_cast<T*>(a.y) + row * a.dim;
    Vec squares{};
    each_vec(a.dim, [&](int64_t i, auto lanes) {
      const Vec v = load(x + i, lanes);
      squares = fma(v, v, squares);
    });
    const float mean = sum(squares) / static_cast<float>(a.dim);
    const float rho = 1.f / __builtin_sqrtf(mean + static_cast<float>(a.eps));
    each_vec(a.dim, [&](int64_t i, auto lanes) {
      store(y + i, load(x + i, lanes) * rho * load(gain + i, lanes), lanes);
    });
    static_cast<float*>(a.rho)[row] = rho;
  }
}

template <class T>
void backward(const RmsnormArgs& a, int64_t first, int64_t last) noexcept {
  const auto* gain = static_cast<const float*>(a.gain);
  auto* d_gain = static_cast<float*>(a.d_gain);
  if (d_gain != nullptr) std::memset(d_gain, 0, sizeof(float) * static_cast<size_t>(a.dim));
  for (int64_t row = first; row < last; ++row) {
    const T* x = static_cast<const T*>(a.x) + row * a.dim;
    const T* dy = static_cast<const T*>(a.dy) + row * a.dim;
    const float rho = static_cast<const float*>(a.rho)[row];
    Vec along{};
    each_vec(a.dim, [&](int64_t i, auto lanes) {
      const Vec g = load(dy + i, lanes), v = load(x + i, lanes);
      along = fma(load(gain + i, lanes) * g, v, along);
      if (d_gain != nullptr) store(d_gain + i, fma(g, v * rho, load(d_gain + i, lanes)), lanes);
    });
    if (a.dx == nullptr) continue;
    T* dx = static_cast<T*>(a.dx) + row * a.dim;
    const float c = rho * rho * sum(along) / static_cast<float>(a.dim);  // dx = rho*(t - x*c)
    each_vec(a.dim, [&](int64_t i, auto lanes) {
      const Vec t = load(gain + i, lanes) * load(dy + i, lanes);
      store_or_add(dx + i, fnma(load(x + i, lanes), splat(c), t) * rho, a.add_dx, lanes);
    });
  }
}

}  // namespace

RowFunctions<RmsnormArgs> rmsnorm_simd(DType type) {
  if (type == DType::bf16) return {forward<bf16>, backward<bf16>};
  return {forward<float>, backward<float>};
}

}  // namespace weft::WEFT_ISA
