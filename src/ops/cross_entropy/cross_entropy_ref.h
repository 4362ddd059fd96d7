// The formula, row by row: float64 is the definition; in f32 and bf16 it is what a naive
// computation with the same rounding points reaches.
#pragma once

#include <algorithm>
#include <cmath>

#include "ops/op.h"

namespace weft::cross_entropy_ref {

/// z = x W^T of one row in place of the logits, then exp(z - max). Returns the loss.
template <class T>
double softmax_row(const T* x, const T* w, compute_t<T>* z, int64_t dim, int64_t vocab,
                   int32_t label, compute_t<T>& sum) noexcept {
  using C = compute_t<T>;
  for (int64_t v = 0; v < vocab; ++v) {
    z[v] = 0;
    for (int64_t i = 0; i < dim; ++i) {
      z[v] += static_cast<C>(x[i]) * static_cast<C>(w[v * dim + i]);
    }
  }
  const C top = *std::max_element(z, z + vocab), target = z[label];
  sum = 0;
  for (int64_t v = 0; v < vocab; ++v) {
    z[v] = std::exp(z[v] - top);
    sum += z[v];
  }
  return std::log(static_cast<double>(sum)) + static_cast<double>(top) -
         static_cast<double>(target);
}

/// dx = dz W and dW += dz^T x for one row; dz is rounded to T, as the operand of a product is.
template <class T>
void row_gradient(const T* x, const T* w, const compute_t<T>* dz, T* dx, compute_t<T>* dw,
                  int64_t dim, int64_t vocab, bool add) noexcept {
  using C = compute_t<T>;
  if (dx != nullptr) {
    for (int64_t i = 0; i < dim; ++i) {
      C sum = add ? static_cast<C>(dx[i]) : C(0);
      for (int64_t v = 0; v < vocab; ++v) {
        sum += static_cast<C>(T(dz[v])) * static_cast<C>(w[v * dim + i]);
      }
      dx[i] = T(sum);
    }
  }
  if (dw == nullptr) return;
  for (int64_t v = 0; v < vocab; ++v) {
    for (int64_t i = 0; i < dim; ++i) {
      dw[v * dim + i] += static_cast<C>(T(dz[v])) * static_cast<C>(x[i]);
    }
  }
}

/// Losses, and with `gradient` the gradients. `z` holds [vocab].
template <class T>
void run(const Frame& frame, int64_t dim, int64_t vocab, bool gradient) noexcept {
  using C = compute_t<T>;
  const T* x = static_cast<const T*>(frame.in[0]);
  const T* w = static_cast<const T*>(frame.in[1]);
  C* z = static_cast<C*>(frame.scratch);
  T* dx = gradient ? static_cast<T*>(frame.d_in[0]) : nullptr;
  C* dw = gradient ? static_cast<C*>(frame.d_in[1]) : nullptr;
  const int32_t* labels = frame.run.labels;
  const int64_t rows = frame.run.rows();
  if (dw != nullptr && frame.add[1] == 0) std::fill_n(dw, vocab * dim, C(0));
  const auto count = labels == nullptr
                         ? 0
                         : std::count_if(labels, labels + rows, [](int32_t l) { return l >= 0; });
  double total = 0;
  for (int64_t r = 0; r < rows; ++r) {
    double loss = 0;
    T* const row_dx = dx == nullptr ? nullptr : dx + r * dim;
    if (count > 0 && labels[r] >= 0) {
      C sum;
      loss = softmax_row(x + r * dim, w, z, dim, vocab, labels[r], sum);
      if (gradient) {
        z[labels[r]] -= sum;
        const C factor = C(frame.run.loss_scale) / C(count) / sum;
        for (int64_t v = 0; v < vocab; ++v) z[v] *= factor;
        row_gradient(x + r * dim, w, z, row_dx, dw, dim, vocab, frame.add[0] != 0);
      }
    } else if (row_dx != nullptr && frame.add[0] == 0) {
      std::fill_n(row_dx, dim, T{});
    }
    total += loss;
    static_cast<float*>(frame.out[2])[r] = static_cast<float>(loss);
  }
  static_cast<double*>(frame.out[0])[0] = count > 0 ? total / static_cast<double>(count) : 0;
  static_cast<double*>(frame.out[1])[0] = static_cast<double>(count);
}

}  // namespace weft::cross_entropy_ref
