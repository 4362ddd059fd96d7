// The definition of mix.
#include "ops/mix/mix_kernel.h"

namespace weft {
namespace {

template <class T>
compute_t<T> gain_of(const MixArgs& a, const MixFactor& f, int64_t row, int64_t head) {
  using P = compute_t<T>;
  if (f.gain < 0) return 1;
  if (f.gate) return P(static_cast<const T*>(a.in[f.gain])[row * a.heads + head]);
  return static_cast<const P*>(a.in[f.gain])[f.element];
}

template <class T>
compute_t<T> coefficient(const MixArgs& a, const MixRead& r, int64_t row) {
  using P = compute_t<T>;
  const MixFactor& f = a.factors[r.term];
  const P g = gain_of<T>(a, f, row, r.head);
  return P(f.scale) * (f.complement ? 1 - g : g);
}

template <class T>
const T* source(const MixArgs& a, const MixRead& r, int64_t row) {
  return static_cast<const T*>(a.in[r.input]) + row * a.columns[r.input] + r.column;
}

template <class T>
void forward(const MixArgs& a, int64_t first, int64_t last) noexcept {
  using P = compute_t<T>;
  for (int64_t row = first; row < last; ++row) {
    T* y = static_cast<T*>(a.y) + row * a.heads * a.width;
    for (int64_t h = 0; h < a.heads; ++h) {
      for (int64_t i = 0; i < a.width; ++i) {
        P sum = 0;
        for (int64_t t = 0; t < a.terms; ++t) {
          const MixRead& r = a.reads[t * a.heads + h];
          sum += coefficient<T>(a, r, row) * P(source<T>(a, r, row)[i]);
        }
        y[h * a.width + i] = T(sum);
      }
    }
  }
}

/// dsource += c * dy
template <class T>
void backward_source(const MixArgs& a, const MixRead& r, int64_t row, const T* dy) {
  using P = compute_t<T>;
  if (a.d_in[r.input] == nullptr) return;
  T* d = static_cast<T*>(a.d_in[r.input]) + row * a.columns[r.input] + r.column;
  const P c = coefficient<T>(a, r, row);
  const bool assign = r.first && a.add[r.input] == 0;
  for (int64_t i = 0; i < a.width; ++i) d[i] = T((assign ? P(0) : P(d[i])) + c * P(dy[i]));
}

/// dg += (dc/dg) * <source, dy>
template <class T>
void backward_gain(const MixArgs& a, const MixRead& r, int64_t row, const T* dy) {
  using P = compute_t<T>;
  const MixFactor& f = a.factors[r.term];
  if (f.gain < 0 || a.d_in[f.gain] == nullptr) return;
  const T* x = source<T>(a, r, row);
  P dot = 0;
  for (int64_t i = 0; i < a.width; ++i) dot += P(x[i]) * P(dy[i]);
  if (f.gate) {
    T& d = static_cast<T*>(a.d_in[f.gain])[row * a.heads + r.head];
    const bool assign = f.first && a.add[f.gain] == 0;
    d = T((assign ? P(0) : P(d)) + P(f.slope) * dot);
  } else {
    static_cast<P*>(a.d_gain)[r.term] += P(f.slope) * dot;
  }
}

template <class T>
void backward(const MixArgs& a, int64_t first, int64_t last) noexcept {
  for (int64_t t = 0; t < a.terms; ++t) static_cast<compute_t<T>*>(a.d_gain)[t] = 0;
  for (int64_t row = first; row < last; ++row) {
    for (int64_t i = 0; i < a.terms * a.heads; ++i) {
      const MixRead& r = a.reads[i];
      const T* dy = static_cast<const T*>(a.dy) + (row * a.heads + r.head) * a.width;
      backward_source(a, r, row, dy);
      backward_gain(a, r, row, dy);
    }
  }
}

}  // namespace

RowFunctions<MixArgs> mix_ref(DType type) {
  if (type == DType::f64) return {forward<double>, backward<double>};
  if (type == DType::f32) return {forward<float>, backward<float>};
  return {forward<bf16>, backward<bf16>};
}

}  // namespace weft
