// The formula, row by row: float64 is the definition; in f32 and bf16 it is what a naive
// computation reaches.
#pragma once

#include "base/dtype.h"
#include "runtime/runtime.h"

namespace weft::linear_ref {

/// y [rows, out] = x [rows, in] * w^T
template <class T, class Y>
void forward(const Runtime& rt, const T* x, const T* w, Y* y, int64_t rows, int64_t in,
             int64_t out) noexcept {
  using C = compute_t<T>;
  parallel_for(rt, rows, [&](int64_t r, int) {
    for (int64_t o = 0; o < out; ++o) {
      C sum = 0;
      for (int64_t i = 0; i < in; ++i) {
        sum += static_cast<C>(x[r * in + i]) * static_cast<C>(w[o * in + i]);
      }
      y[r * out + o] = Y(sum);
    }
  });
}

/// y [rows, out] = x [rows, in] * (scale * w)^T, w of integers with a scale for each row
template <class T, class Y>
void forward_int8(const Runtime& rt, const T* x, const int8_t* w, const float* scale, Y* y,
                  int64_t rows, int64_t in, int64_t out) noexcept {
  using C = compute_t<T>;
  parallel_for(rt, rows, [&](int64_t r, int) {
    for (int64_t o = 0; o < out; ++o) {
      C sum = 0;
      for (int64_t i = 0; i < in; ++i) {
        sum += static_cast<C>(x[r * in + i]) * static_cast<C>(w[o * in + i]);
      }
      y[r * out + o] = Y(sum * static_cast<C>(scale[o]));
    }
  });
}

/// dx [rows, in] = dy [rows, out] * w
template <class T>
void input_gradient(const Runtime& rt, const T* dy, const T* w, T* dx, int64_t rows, int64_t in,
                    int64_t out, bool add) noexcept {
  using C = compute_t<T>;
  parallel_for(rt, rows, [&](int64_t r, int) {
    for (int64_t i = 0; i < in; ++i) {
      C sum = add ? static_cast<C>(dx[r * in + i]) : C(0);
      for (int64_t o = 0; o < out; ++o) {
        sum += static_cast<C>(dy[r * out + o]) * static_cast<C>(w[o * in + i]);
      }
      dx[r * in + i] = T(sum);
    }
  });
}

/// dw [out, in] = dy^T * x
template <class T>
void weight_gradient(const Runtime& rt, const T* dy, const T* x, compute_t<T>* dw, int64_t rows,
                     int64_t in, int64_t out, bool add) noexcept {
  using C = compute_t<T>;
  parallel_for(rt, out, [&](int64_t o, int) {
    for (int64_t i = 0; i < in; ++i) {
      C sum = add ? dw[o * in + i] : C(0);
      for (int64_t r = 0; r < rows; ++r) {
        sum += static_cast<C>(dy[r * out + o]) * static_cast<C>(x[r * in + i]);
      }
      dw[o * in + i] = sum;
    }
  });
}

}  // namespace weft::linear_ref
