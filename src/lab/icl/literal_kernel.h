// Every token attends to every example, n^2 scores a layer, as 2310.01082 defines it: the path for
// scores that no Gram matrix holds (softmax, ReLU), and the twin of the Gram path for linear ones.
// Column t, with q = Q z_t and c = 1/n (1 for a softmax that is not divided once more):
//   w_i = f(z_i . q) ;  o = c sum_{i<n} w_i z_i ;  z_t <- z_t + sum over heads of P o
// Of the last layer only the query's label is computed. *_simd.cc files only.
#pragma once

#include "lab/icl/columns.h"
#include "lab/icl/kernel_forms.h"

namespace weft::WEFT_ISA {

using Score = icl::KernelScore;

/// What a column shares with all others of a head.
struct ColumnShape {
  Score score;
  int64_t n, D;
  double c;
};

template <class V>
struct LiteralBuffers {
  Columns<V> columns;
  int64_t ND, NN;
  V* Z;     // [layers - 1, n + 1, D] Z_1 ..
  V* W;     // [layers, heads, n + 1, n + 1] weights of keys for column t; of the last layer row 0
  V* O;     // [layers, heads, n + 1, D]
  V* q;     // [layers, heads, n + 1, D]
  V* m;     // [n + 1, D] c P^T zbar
  V* r;     // [n + 1, D] sum over keys of sbar z
  V* bars;  // [2, n + 1, D]

  LiteralBuffers(const KernelShape& s, Scratch<V> scratch)
      : columns(s, scratch), ND((s.n + 1) * (s.d + 1)), NN((s.n + 1) * (s.n + 1)) {
    Z = scratch.take((s.layers - 1) * ND);
    W = scratch.take(s.layers * s.heads * NN);
    O = scratch.take(s.layers * s.heads * ND);
    q = scratch.take(s.layers * s.heads * ND);
    m = scratch.take(ND);
    r = scratch.take(ND);
    bars = scratch.take(2 * ND);
  }
  static int64_t scratch(const KernelShape& s) {
    const int64_t ND = (s.n + 1) * (s.d + 1), NN = (s.n + 1) * (s.n + 1);
    return Columns<V>::scratch(s) + (s.layers - 1) * ND + s.layers * s.heads * (NN + 2 * ND) +
           4 * ND + kAlignmentEntries;
  }
  WEFT_INLINE V* z(int64_t l) const { return l == 0 ? columns.z : Z + (l - 1) * ND; }
};

// f(a) for the D components of a column; unrolled where D is known, so that they stay in registers.
template <int kD, class F>
WEFT_INLINE void each_component(int64_t D, F&& f) {
  if constexpr (kD > 0) {
#pragma GCC unroll 8
    for (int a = 0; a < kD; ++a) f(a);
  } else {
    for (int64_t a = 0; a < D; ++a) f(a);
  }
}

// [D] in registers where D is known, else where it lies.
template <int kD, class V>
struct Held {
  V held[kD];
  WEFT_INLINE explicit Held(const V* p) {
    each_component<kD>(kD, [&](int64_t a) { held[a] = p[a]; });
  }
  WEFT_INLINE const V& operator[](int64_t a) const { return held[a]; }
};
template <class V>
struct Held<0, V> {
  const V* p;
  WEFT_INLINE explicit Held(const V* from) : p(from) {}
  WEFT_INLINE const V& operator[](int64_t a) const { return p[a]; }
};

// z . x
template <int kD, class V>
WEFT_INLINE V inner(int64_t D, const V* z, const Held<kD, V>& x) {
  V sum{};
  each_component<kD>(D, [&](int64_t a) { sum += z[a] * x[a]; });
  return sum;
}

// Scores of column q into w [keys].
template <int kD, class V>
WEFT_INLINE void scores_of(int64_t keys, int64_t D, const V* Z, const V* q_at, V* w) {
  const Held<kD, V> q(q_at);
  for (int64_t i = 0; i < keys; ++i) w[i] = inner<kD>(D, Z + i * D, q);
}

template <class V>
WEFT_INLINE void softmax(int64_t keys, V* w) {
  BaseOf<V> most = value_of(w[0]);
  for (int64_t i = 1; i < keys; ++i) most = max(most, value_of(w[i]));
  V sum{};
  for (int64_t i = 0; i < keys; ++i) {
    w[i] = exp_below(w[i], most);
    sum += w[i];
  }
  const V share = constant<V>(1) / sum;
  for (int64_t i = 0; i < keys; ++i) w[i] *= share;
}

/// Weights w [n + 1] of the keys for column q [D], and o [D].
template <int kD, class V>
WEFT_INLINE void attend(const ColumnShape& s, const V* Z, const V* q, V* w, V* o) {
  const int64_t n = s.n, D = s.D;
  scores_of<kD>(s.score == Score::softmax ? n + 1 : n, D, Z, q, w);
  if (s.score == Score::softmax) softmax(n + 1, w);
  if (s.score == Score::relu) {
    for (int64_t i = 0; i < n; ++i) w[i] = where_positive(value_of(w[i]), w[i]);
  }
  product<V>(
      1, D, n, [&](int64_t, int64_t i) -> V { return w[i]; }, matrix(Z, D),
      [&](int64_t, int64_t a, V sum) { o[a] = scale(sum, s.c); });
}

/// The way back of one column: r [D] is set, and where `below` zbar [n + 1, D] receives what
/// reaches the keys. m [D] is c P^T zbar of the column.
template <int kD, class V>
WEFT_INLINE void attend_backward(const ColumnShape& s, const V* Z, const V* q_at, const V* w,
                                 const V* o, const V* m_at, bool below, V* r, V* zbar) {
  const int64_t n = s.n, D = s.D;
  const Held<kD, V> q(q_at), m(m_at);
  constexpr int kSums = kD > 0 ? kD : 1;
  V held[kSums];
  V* sum = kD > 0 ? held : r;
  each_component<kD>(D, [&](int64_t a) { sum[a] = V{}; });
  V mean{};  // of the gradients of the weights, for softmax
  if (s.score == Score::softmax) mean = scale(inner<kD>(D, o, m), 1 / s.c);
  const auto key = [&](int64_t i, V wbar, V weight) {
    const V* z = Z + i * D;
    V sbar = wbar;
    if (s.score == Score::relu) sbar = where_positive(value_of(w[i]), wbar);
    if (s.score == Score::softmax) sbar = w[i] * (wbar - mean);
    each_component<kD>(D, [&](int64_t a) { sum[a] += sbar * z[a]; });
    if (!below) return;
    each_component<kD>(D, [&](int64_t a) { zbar[i * D + a] += weight * m[a] + sbar * q[a]; });
  };
  for (int64_t i = 0; i < n; ++i) key(i, inner<kD>(D, Z + i * D, m), w[i]);
  if (s.score == Score::softmax) key(n, V{}, V{});  // weighed by the softmax, then dropped
  if constexpr (kD > 0) each_component<kD>(D, [&](int64_t a) { r[a] = held[a]; });
}

template <int kD, class V>
WEFT_INLINE V literal_forward(const KernelShape& s, const ColumnShape& c, const Pass<V>& pass,
                              const LiteralBuffers<V>& b) {
  const FullOffsets o(s);
  const int64_t n = c.n, D = c.D, N = n + 1, L = s.layers;
  for (int64_t l = 0; l + 1 < L; ++l) {
    const V* Z = b.z(l);
    V* next = b.z(l + 1);
    for (int64_t h = 0; h < s.heads; ++h) {
      const int64_t head = l * s.heads + h;
      V *q = b.q + head * b.ND, *O = b.O + head * b.ND, *W = b.W + head * b.NN;
      product<V>(N, D, D, matrix(Z, D), parameters_transposed(pass, o.Q(l, h), D),
                 [&](int64_t t, int64_t a, V sum) { q[t * D + a] = sum; });
      for (int64_t t = 0; t < N; ++t) attend<kD>(c, Z, q + t * D, W + t * N, O + t * D);
      product<V>(N, D, D, matrix(O, D), parameters_transposed(pass, o.P(l, h), D),
                 [&](int64_t t, int64_t a, V sum) {
                   next[t * D + a] = (h == 0 ? Z[t * D + a] : next[t * D + a]) + sum;
                 });
    }
  }
  const V *Z = b.z(L - 1), *z = Z + n * D;
  V e = z[D - 1] + pass.prompt(PromptLayout{D - 1, n}.label());
  for (int64_t h = 0; h < s.heads; ++h) {
    const int64_t head = (L - 1) * s.heads + h;
    V *q = b.q + head * b.ND, *O = b.O + head * b.ND;
    product<V>(
        D, 1, D, parameters(pass, o.Q(L - 1, h), D), [&](int64_t a, int64_t) -> V { return z[a]; },
        [&](int64_t a, int64_t, V sum) { q[a] = sum; });
    attend<kD>(c, Z, q, b.W + head * b.NN, O);
    const int64_t P = o.P(L - 1, h) + (D - 1) * D;
    e += dot<V>(
        D, [&](int64_t k) { return pass.parameter(P + k); }, column(O));
  }
  return e;
}

// zbar [n + 1, D] becomes the gradient of Z_(L-1).
template <int kD, class V>
WEFT_INLINE void last_literal_backward(const KernelShape& s, const ColumnShape& c,
                                       const Pass<V>& pass, const LiteralBuffers<V>& b, V e,
                                       bool below, V* zbar) {
  const FullOffsets o(s);
  const int64_t n = c.n, D = c.D, L = s.layers;
  const V *Z = b.z(L - 1), *z = Z + n * D;
  const V slope = e + e;
  for (int64_t k = 0; k < b.ND; ++k) zbar[k] = V{};
  zbar[b.ND - 1] = slope;
  for (int64_t h = 0; h < s.heads; ++h) {
    const int64_t head = (L - 1) * s.heads + h, Q = o.Q(L - 1, h);
    const int64_t P = o.P(L - 1, h) + (D - 1) * D;
    const V* O = b.O + head * b.ND;
    for (int64_t k = 0; k < D; ++k) {
      pass.add(P + k, slope * O[k]);
      b.m[k] = scale(slope * pass.parameter(P + k), c.c);
    }
    attend_backward<kD>(c, Z, b.q + head * b.ND, b.W + head * b.NN, O, b.m, below, b.r, zbar);
    for (int64_t i = 0; i < D; ++i) {
      for (int64_t j = 0; j < D; ++j) {
        pass.add(Q + i * D + j, b.r[i] * z[j]);
        zbar[n * D + j] += pass.parameter(Q + i * D + j) * b.r[i];
      }
    }
  }
}

// zbar of Z_(l+1) -> `to` of Z_l, which is left alone where nobody is below.
template <int kD, class V>
WEFT_INLINE void literal_layer_backward(const KernelShape& s, const ColumnShape& c, int64_t l,
                                        bool below, const Pass<V>& pass, const LiteralBuffers<V>& b,
                                        const V* zbar, V* to) {
  const FullOffsets o(s);
  const int64_t n = c.n, D = c.D, N = n + 1;
  const V* Z = b.z(l);
  if (below) {
    for (int64_t k = 0; k < b.ND; ++k) to[k] = zbar[k];
  }
  for (int64_t h = 0; h < s.heads; ++h) {
    const int64_t head = l * s.heads + h;
    const V *q = b.q + head * b.ND, *O = b.O + head * b.ND, *W = b.W + head * b.NN;
    product<V>(D, D, N, transposed(zbar, D), matrix(O, D), add_to(pass, o.P(l, h), D));
    product<V>(N, D, D, matrix(zbar, D), parameters(pass, o.P(l, h), D),
               [&](int64_t t, int64_t a, V sum) { b.m[t * D + a] = scale(sum, c.c); });
    for (int64_t t = 0; t < N; ++t) {
      attend_backward<kD>(c, Z, q + t * D, W + t * N, O + t * D, b.m + t * D, below, b.r + t * D,
                          to);
    }
    product<V>(D, D, N, transposed(b.r, D), matrix(Z, D), add_to(pass, o.Q(l, h), D));
    if (!below) continue;
    product<V>(N, D, D, matrix(b.r, D), parameters(pass, o.Q(l, h), D),
               [&](int64_t t, int64_t a, V sum) { to[t * D + a] += sum; });
  }
}

/// One vector of prompts. kD: d + 1 where it is known, 0 where the shape says it.
template <int kD, class V>
WEFT_OUTLINE void literal_pass(const KernelShape& s, Score score, const Pass<V>& pass) {
  const int64_t D = kD > 0 ? kD : s.d + 1;
  const bool divide = score != Score::softmax || s.divide_softmax;
  const ColumnShape c{score, s.n, D, divide ? 1. / static_cast<double>(s.n) : 1.};
  const LiteralBuffers<V> b(s, Scratch<V>{pass.scratch});
  make_columns(s, D - 1, pass, b.columns);
  const V e = literal_forward<kD>(s, c, pass, b);
  pass.leave_residual(e);
  if (!pass.backward()) return;
  const bool to_columns = pass.data != nullptr || s.hidden > 0;
  V *from = b.bars, *to = b.bars + b.ND;
  const auto goal = [&](int64_t l) { return l == 0 ? b.columns.bar : to; };
  V* zbar = goal(s.layers - 1);
  last_literal_backward<kD>(s, c, pass, b, e, s.layers > 1 || to_columns, zbar);
  for (int64_t l = s.layers - 2; l >= 0; --l) {
    V* spare = from;
    from = zbar;
    to = spare;
    zbar = goal(l);
    literal_layer_backward<kD>(s, c, l, l > 0 || to_columns, pass, b, from, zbar);
  }
  if (to_columns) columns_backward(s, D - 1, pass, b.columns, e);
}

}  // namespace weft::WEFT_ISA
