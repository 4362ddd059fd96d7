// The formula, row by row: float64 is the definition; in f32 and bf16 it is what a naive
// computation with the same rounding points reaches.
#pragma once

#include <algorithm>
#include <cmath>

#include "ops/op.h"

namespace weft::cross_entropy_ref {

/// True where z[label] is the largest of z [vocab] and no earlier one equals it; false among NaNs.
template <class C>
bool is_first_largest(const C* z, int64_t vocab, int32_t label) noexcept {
  const C target = z[label];
  int64_t rivals = 0;  // counted to the end: a loop without exits is vectorised
  for (int64_t v = 0; v < label; ++v) rivals += z[v] < target ? 0 : 1;
  for (int64_t v = label + 1; v < vocab; ++v) rivals += z[v] <= target ? 0 : 1;
  return rivals == 0 && target == target;
}

/// What a row contributes beside its gradient.
template <class C>
struct RowResult {
  double loss;
  bool right;  ///< the label has the largest logit
  C sum;       ///< of exp(z - max)
};

/// z = x W^T of one row in place of the logits, then exp(z - max).
template <class T>
RowResult<compute_t<T>> softmax_row(const T* x, const T* w, compute_t<T>* z, int64_t dim,
                                    int64_t vocab, int32_t label) noexcept {
  using C = compute_t<T>;
  for (int64_t v = 0; v < vocab; ++v) {
    z[v] = 0;
    for (int64_t i = 0; i < dim; ++i) {
      z[v] += static_cast<C>(x[i]) * static_cast<C>(w[v * dim + i]);
    }
  }
  const C top = *std::max_element(z, z + vocab), target = z[label];
  const bool right = is_first_largest(z, vocab, label);
  C sum = 0;
  for (int64_t v = 0; v < vocab; ++v) {
    z[v] = std::exp(z[v] - top);
    sum += z[v];
  }
  const double loss =
      std::log(static_cast<double>(sum)) + static_cast<double>(top) - static_cast<double>(target);
  return {loss, right, sum};
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
  double total = 0, hits = 0;
  for (int64_t r = 0; r < rows; ++r) {
    double loss = 0;
    T* const row_dx = dx == nullptr ? nullptr : dx + r * dim;
    if (count > 0 && labels[r] >= 0) {
      const RowResult<C> row = softmax_row(x + r * dim, w, z, dim, vocab, labels[r]);
      loss = row.loss;
      hits += row.right ? 1 : 0;
      if (gradient) {
        z[labels[r]] -= row.sum;
        const C factor = C(frame.run.loss_scale) / C(count) / row.sum;
        for (int64_t v = 0; v < vocab; ++v) z[v] *= factor;
        row_gradient(x + r * dim, w, z, row_dx, dw, dim, vocab, frame.add[0] != 0);
      }
    } else if (row_dx != nullptr && frame.add[0] == 0) {
      std::fill_n(row_dx, dim, T{});
    }
    total += loss;
    static_cast<C*>(frame.out[2])[r] = static_cast<C>(loss);
  }
  static_cast<double*>(frame.out[0])[0] = count > 0 ? total / static_cast<double>(count) : 0;
  static_cast<double*>(frame.out[1])[0] = static_cast<double>(count);
  static_cast<double*>(frame.out[3])[0] = hits;
}

}  // namespace weft::cross_entropy_ref
