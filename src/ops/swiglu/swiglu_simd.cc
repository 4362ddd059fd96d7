#include "ops/row_simd.h"
#include "ops/swiglu/swiglu_kernel.h"
#include "simd/math.h"

namespace weft::WEFT_ISA {
namespace {

template <class T>
void forward(const SwigluArgs& a, int64_t first, int64_t last) noexcept {
  const int64_t skip = first * a.width;
  const T* gate_row = static_cast<const T*>(a.gate) + skip;
  const T* up = static_cast<const T*>(a.up) + skip;
  T* y = static_cast<T*>(a.y) + skip;
  each_vec((last - first) * a.width, [&](int64_t i, auto lanes) {
    const Vec g = load(gate_row + i, lanes);
    store(y + i, g * gate(g).open * load(up + i, lanes), lanes);
  });
}

template <class T>
void backward(const SwigluArgs& a, int64_t first, int64_t last) noexcept {
  const int64_t skip = first * a.width;
  const T* gate_row = static_cast<const T*>(a.gate) + skip;
  const T* up = static_cast<const T*>(a.up) + skip;
  const T* dy = static_cast<const T*>(a.dy) + skip;
  T* d_gate = a.d_gate == nullptr ? nullptr : static_cast<T*>(a.d_gate) + skip;
  T* d_up = a.d_up == nullptr ? nullptr : static_cast<T*>(a.d_up) + skip;
  each_vec((last - first) * a.width, [&](int64_t i, auto lanes) {
    const Vec g = load(gate_row + i, lanes), d = load(dy + i, lanes);
    const Gate s = gate(g);
    const Vec ds = d * s.open;
    if (d_gate != nullptr) {
      const Vec slope = fma(g, s.closed, splat(1.f));
      store_or_add(d_gate + i, ds * load(up + i, lanes) * slope, a.add_gate, lanes);
    }
    if (d_up != nullptr) store_or_add(d_up + i, ds * g, a.add_up, lanes);
  });
}

}  // namespace

RowFunctions<SwigluArgs> swiglu_simd(DType type) {
  if (type == DType::bf16) return {forward<bf16>, backward<bf16>};
  return {forward<float>, backward<float>};
}

}  // namespace weft::WEFT_ISA
