// What the layers of the full form see: the columns of Z_0, made from the prompt, by way of the
// trained perceptron where the model has one (2310.01082, section 4); and the way back.
// *_simd.cc files only.
#pragma once

#include "lab/icl/small_matrix.h"

namespace weft::WEFT_ISA {

/// Where the parameters of the full form lie: perceptron first, then P, Q of layer and head.
struct FullOffsets {
  int64_t d, D, hidden, heads;
  bool tied;

  explicit FullOffsets(const KernelShape& s)
      : d(s.d), D(s.d + 1), hidden(s.hidden), heads(s.heads), tied(s.tied) {}

  WEFT_INLINE int64_t W1(int64_t k, int64_t c) const { return k * d + c; }
  WEFT_INLINE int64_t b1(int64_t k) const { return hidden * d + k; }
  WEFT_INLINE int64_t W2(int64_t c, int64_t k) const { return hidden * (d + 1) + c * hidden + k; }
  WEFT_INLINE int64_t b2(int64_t c) const { return hidden * (2 * d + 1) + c; }
  WEFT_INLINE int64_t front() const { return hidden > 0 ? hidden * (2 * d + 1) + d : 0; }
  WEFT_INLINE int64_t P(int64_t l, int64_t h) const {
    return front() + ((tied ? 0 : l) * heads + h) * 2 * D * D;
  }
  WEFT_INLINE int64_t Q(int64_t l, int64_t h) const { return P(l, h) + D * D; }
};

/// A [D, D] matrix of the parameters, and transposed.
template <class V>
WEFT_INLINE auto parameters(const Pass<V>& pass, int64_t offset, int64_t N) {
  return
      [&pass, offset, N](int64_t i, int64_t j) -> V { return pass.parameter(offset + i * N + j); };
}
template <class V>
WEFT_INLINE auto parameters_transposed(const Pass<V>& pass, int64_t offset, int64_t N) {
  return
      [&pass, offset, N](int64_t i, int64_t j) -> V { return pass.parameter(offset + j * N + i); };
}
/// Adds to the gradient of one.
template <class V>
WEFT_INLINE auto add_to(const Pass<V>& pass, int64_t offset, int64_t N) {
  return [&pass, offset, N](int64_t i, int64_t j, V g) { pass.add(offset + i * N + j, g); };
}

template <class V>
struct Columns {
  V* z;       // [n + 1, D] Z_0, column by column
  V* x;       // [n + 1, d] what the perceptron reads; null without one
  V* hidden;  // [hidden, n + 1] behind its ReLU
  V* back;    // [hidden, n + 1] gradient before its ReLU
  V* bar;     // [n + 1, D] gradient of Z_0

  Columns(const KernelShape& s, Scratch<V>& scratch)
      : z(scratch.take((s.n + 1) * (s.d + 1))),
        x(scratch.take(s.hidden > 0 ? (s.n + 1) * s.d : 0)),
        hidden(scratch.take(s.hidden * (s.n + 1))),
        back(scratch.take(s.hidden * (s.n + 1))),
        bar(scratch.take((s.n + 1) * (s.d + 1))) {}
  static int64_t scratch(const KernelShape& s) {
    return (s.n + 1) * (2 * (s.d + 1) + (s.hidden > 0 ? s.d : 0) + 2 * s.hidden);
  }
};

// phi(x) = W2 max(0, W1 x + b1) + b2 of every column, from c.x into c.z. Not inlined: the code of
// its products would be a third of every kernel's.
template <class V>
WEFT_OUTLINE void perceptron(const KernelShape& s, const Pass<V>& pass, const Columns<V>& c) {
  const int64_t d = s.d, N = s.n + 1, D = d + 1, hidden = s.hidden;
  const FullOffsets o(s);
  product<V>(
      hidden, N, d, parameters(pass, o.W1(0, 0), d),
      [&](int64_t k, int64_t t) -> V { return c.x[t * d + k]; },
      [&](int64_t k, int64_t t, V sum) {
        const V before = sum + pass.parameter(o.b1(k));
        c.hidden[k * N + t] = where_positive(value_of(before), before);
      });
  product<V>(d, N, hidden, parameters(pass, o.W2(0, 0), hidden), matrix(c.hidden, N),
             [&](int64_t k, int64_t t, V sum) { c.z[t * D + k] = sum + pass.parameter(o.b2(k)); });
}

// Its gradient from c.bar. W1's comes transposed: d columns would fill no tile.
template <class V>
WEFT_OUTLINE void perceptron_backward(const KernelShape& s, const Pass<V>& pass,
                                      const Columns<V>& c) {
  const int64_t d = s.d, N = s.n + 1, D = d + 1, hidden = s.hidden;
  const FullOffsets o(s);
  const auto bar = [&](int64_t k, int64_t t) -> V { return c.bar[t * D + k]; };
  product<V>(hidden, N, d, parameters_transposed(pass, o.W2(0, 0), hidden), bar,
             [&](int64_t k, int64_t t, V sum) {
               c.back[k * N + t] = where_positive(value_of(c.hidden[k * N + t]), sum);
             });
  product<V>(d, hidden, N, bar, transposed(c.hidden, N), add_to(pass, o.W2(0, 0), hidden));
  product<V>(d, hidden, N, transposed(c.x, d), transposed(c.back, N),
             [&](int64_t k, int64_t j, V sum) { pass.add(o.W1(j, k), sum); });
  const auto sum_of = [N](const auto& number) {
    V sum{};
    for (int64_t t = 0; t < N; ++t) sum += number(t);
    return sum;
  };
  for (int64_t k = 0; k < d; ++k) {
    pass.add(o.b2(k), sum_of([&](int64_t t) { return bar(k, t); }));
  }
  for (int64_t k = 0; k < hidden; ++k) {
    pass.add(o.b1(k), sum_of([&](int64_t t) { return c.back[k * N + t]; }));
  }
  if (pass.data == nullptr) return;
  const PromptLayout at{d, s.n};
  product<V>(
      N, d, hidden, transposed(c.back, N), parameters(pass, o.W1(0, 0), d),
      [&](int64_t t, int64_t k, V g) { pass.leave_data(t < s.n ? at.x(t, k) : at.query(k), g); });
}

/// Fills c.z. `d` is s.d, a constant where the kernel knows it.
template <class V>
WEFT_INLINE void make_columns(const KernelShape& s, int64_t d, const Pass<V>& pass,
                              const Columns<V>& c) {
  const int64_t n = s.n, D = d + 1;
  const PromptLayout at{d, n};
  const bool front = s.hidden > 0;
  for (int64_t t = 0; t <= n; ++t) {
    V* x = front ? c.x + t * d : c.z + t * D;
    for (int64_t k = 0; k < d; ++k) x[k] = pass.prompt(t < n ? at.x(t, k) : at.query(k));
    c.z[t * D + d] = t < n ? pass.prompt(at.y(t)) : V{};
  }
  if (front) perceptron(s, pass, c);
}

/// Gradients of the perceptron and, where asked for, of the prompt, from c.bar; e is the residual.
template <class V>
WEFT_INLINE void columns_backward(const KernelShape& s, int64_t d, const Pass<V>& pass,
                                  const Columns<V>& c, V e) {
  const int64_t n = s.n, D = d + 1;
  const PromptLayout at{d, n};
  if (s.hidden > 0) perceptron_backward(s, pass, c);
  if (pass.data == nullptr) return;
  for (int64_t t = 0; t <= n; ++t) {
    for (int64_t k = 0; k < d && s.hidden == 0; ++k) {
      pass.leave_data(t < n ? at.x(t, k) : at.query(k), c.bar[t * D + k]);
    }
    if (t < n) pass.leave_data(at.y(t), c.bar[t * D + d]);
  }
  pass.leave_data(at.label(), e + e);
}

}  // namespace weft::WEFT_ISA
