#include "ops/mix/mix_kernel.h"
#include "ops/row_simd.h"

namespace weft::WEFT_ISA {
namespace {

template <class T>
WEFT_INLINE Vec coefficient(const MixArgs& a, const MixRead& r, int64_t row) {
  const MixFactor& f = a.factors[r.term];
  const float scale = static_cast<float>(f.scale);
  if (f.gain < 0) return splat(scale);
  const float g = f.gate ? load_scalar(static_cast<const T*>(a.in[f.gain]) + row * a.heads + r.head)
                         : static_cast<const float*>(a.in[f.gain])[f.element];
  return splat(scale * (f.complement ? 1.f - g : g));
}

template <class T>
WEFT_INLINE const T* source(const MixArgs& a, const MixRead& r, int64_t row) {
  return static_cast<const T*>(a.in[r.input]) + row * a.columns[r.input] + r.column;
}
template <class T>
WEFT_INLINE const T* cotangent(const MixArgs& a, const MixRead& r, int64_t row) {
  return static_cast<const T*>(a.dy) + (row * a.heads + r.head) * a.width;
}

/// f(i, N, lanes) in blocks of four vectors, whose sums stay in registers while the terms go by;
/// the rest vector by vector.
template <int N>
struct Vectors {
  static constexpr int count = N;
};
template <class F>
WEFT_INLINE void each_block(int64_t n, F&& f) {
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) f(i, Vectors<4>{}, Full{});
  for (; i + kLanes <= n; i += kLanes) f(i, Vectors<1>{}, Full{});
  if (i < n) f(i, Vectors<1>{}, Part{static_cast<int>(n - i)});
}

template <class T>
void forward(const MixArgs& a, int64_t first, int64_t last) noexcept {
  for (int64_t row = first; row < last; ++row) {
    for (int64_t h = 0; h < a.heads; ++h) {
      T* y = static_cast<T*>(a.y) + (row * a.heads + h) * a.width;
      each_block(a.width, [&](int64_t i, auto vectors, auto lanes) {
        Vec sums[vectors.count] = {};
        for (int64_t t = 0; t < a.terms; ++t) {
          const MixRead& r = a.reads[t * a.heads + h];
          const Vec c = coefficient<T>(a, r, row);
          const T* x = source<T>(a, r, row) + i;
          for (int v = 0; v < vectors.count; ++v) {
            sums[v] = fma(c, load(x + v * kLanes, lanes), sums[v]);
          }
        }
        for (int v = 0; v < vectors.count; ++v) store(y + i + v * kLanes, sums[v], lanes);
      });
    }
  }
}

/// Everything that flows back into the columns of one read, whoever else reads them; rounded once.
template <class T>
WEFT_INLINE void backward_source(const MixArgs& a, const MixRead& read, int64_t row) {
  T* d = static_cast<T*>(a.d_in[read.input]) + row * a.columns[read.input] + read.column;
  const bool add = a.add[read.input] != 0;
  each_block(a.width, [&](int64_t i, auto vectors, auto lanes) {
    Vec sums[vectors.count] = {};
    for (int v = 0; add && v < vectors.count; ++v) sums[v] = load(d + i + v * kLanes, lanes);
    for (const MixRead* r = &read;; r = a.reads + r->next) {
      const Vec c = coefficient<T>(a, *r, row);
      const T* dy = cotangent<T>(a, *r, row) + i;
      for (int v = 0; v < vectors.count; ++v) {
        sums[v] = fma(c, load(dy + v * kLanes, lanes), sums[v]);
      }
      if (r->next < 0) break;
    }
    for (int v = 0; v < vectors.count; ++v) store(d + i + v * kLanes, sums[v], lanes);
  });
}

/// <source, dy> * dc/dg of one head of one row.
template <class T>
WEFT_INLINE float gain_gradient(const MixArgs& a, const MixRead& r, int64_t row) {
  const T* x = source<T>(a, r, row);
  const T* dy = cotangent<T>(a, r, row);
  Vec dot{};
  each_vec(a.width,
           [&](int64_t i, auto lanes) { dot = fma(load(x + i, lanes), load(dy + i, lanes), dot); });
  return static_cast<float>(a.factors[r.term].slope) * sum(dot);
}

template <class T>
WEFT_INLINE void backward_term(const MixArgs& a, int64_t t, int64_t row) {
  const MixFactor& factor = a.factors[t];
  if (factor.gain < 0 || a.d_in[factor.gain] == nullptr) return;
  for (int64_t h = 0; h < a.heads; ++h) {
    if (!factor.gate) {
      static_cast<float*>(a.d_gain)[t] += gain_gradient<T>(a, a.reads[t * a.heads + h], row);
      continue;
    }
    if (!factor.first) return;  // the first term of a gate sums for all that share it
    T* d = static_cast<T*>(a.d_in[factor.gain]) + row * a.heads + h;
    float total = a.add[factor.gain] != 0 ? load_scalar(d) : 0.f;
    for (int64_t u = t; u >= 0; u = a.factors[u].next) {
      total += gain_gradient<T>(a, a.reads[u * a.heads + h], row);
    }
    store_scalar(d, total);
  }
}

template <class T>
void backward(const MixArgs& a, int64_t first, int64_t last) noexcept {
  for (int64_t t = 0; t < a.terms; ++t) static_cast<float*>(a.d_gain)[t] = 0;
  for (int64_t row = first; row < last; ++row) {
    for (int64_t i = 0; i < a.terms * a.heads; ++i) {
      const MixRead& r = a.reads[i];
      if (r.first && a.d_in[r.input] != nullptr) backward_source<T>(a, r, row);
    }
    for (int64_t t = 0; t < a.terms; ++t) backward_term<T>(a, t, row);
  }
}

}  // namespace

RowFunctions<MixArgs> mix_simd(DType type) {
  if (type == DType::bf16) return {forward<bf16>, backward<bf16>};
  return {forward<float>, backward<float>};
}

}  // namespace weft::WEFT_ISA
