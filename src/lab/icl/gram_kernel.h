// The full form by way of Gram matrices, with any number of heads: all that the query sees of its
// context is G = (1/n) sum of z_i z_i^T (spec of 2310.01082 in its Gram form):
//   R_h = G Q_h ;  T = I + sum P_h R_h ;  z <- T z ;  G <- T G T^T ;  residual = z[last] + y_q
// and the gradient of residual^2, H being the symmetric adjoint of G. The last layer, of which only
// the label row is read, takes products of a matrix and a vector. *_simd.cc files only.
#pragma once

#include "lab/icl/columns.h"

namespace weft::WEFT_ISA {

template <class V>
struct GramBuffers {
  Columns<V> columns;
  V* G;     // [layers, D, D]
  V* z;     // [layers, D]
  V* R;     // [layers - 1, heads, D, D]
  V* T;     // [layers - 1, D, D]
  V* TG;    // [layers - 1, D, D]
  V* u;     // [heads, D] Q z of the last layer
  V* v;     // [heads, D] G u
  V* H;     // [D, D]
  V* next;  // [D, D] H of the layer below
  V* Tbar;  // [D, D]
  V* Rbar;  // [D, D]
  V* zbar;  // [D]
  V* tmp;   // [D]

  GramBuffers(const KernelShape& s, Scratch<V> scratch) : columns(s, scratch) {
    const int64_t D = s.d + 1, DD = D * D, inner = s.layers - 1;
    G = scratch.take(s.layers * DD);
    z = scratch.take(s.layers * D);
    R = scratch.take(inner * s.heads * DD);
    T = scratch.take(inner * DD);
    TG = scratch.take(inner * DD);
    u = scratch.take(s.heads * D);
    v = scratch.take(s.heads * D);
    H = scratch.take(DD);
    next = scratch.take(DD);
    Tbar = scratch.take(DD);
    Rbar = scratch.take(DD);
    zbar = scratch.take(D);
    tmp = scratch.take(D);
  }
  static int64_t scratch(const KernelShape& s) {
    const int64_t D = s.d + 1, DD = D * D, inner = s.layers - 1;
    return Columns<V>::scratch(s) + DD * (s.layers + inner * (s.heads + 2) + 4) +
           D * (s.layers + 2 * s.heads + 2) + kAlignmentEntries;
  }
};

template <class V>
WEFT_INLINE V gram_forward(const KernelShape& s, int64_t D, const Pass<V>& pass,
                           const GramBuffers<V>& b) {
  const FullOffsets o(s);
  const int64_t n = s.n, L = s.layers, DD = D * D;
  const V* Z = b.columns.z;
  symmetric_product<V>(D, n, transposed(Z, D), matrix(Z, D), 1. / static_cast<double>(n), b.G);
  for (int64_t a = 0; a < D; ++a) b.z[a] = Z[n * D + a];
  for (int64_t l = 0; l + 1 < L; ++l) {
    V *G = b.G + l * DD, *T = b.T + l * DD, *TG = b.TG + l * DD, *z = b.z + l * D;
    for (int64_t h = 0; h < s.heads; ++h) {
      V* R = b.R + (l * s.heads + h) * DD;
      product<V>(D, D, D, matrix(G, D), parameters(pass, o.Q(l, h), D),
                 [&](int64_t i, int64_t j, V sum) { R[i * D + j] = sum; });
      product<V>(
          D, D, D, parameters(pass, o.P(l, h), D), matrix(R, D),
          [&](int64_t i, int64_t j, V sum) { T[i * D + j] = h == 0 ? sum : T[i * D + j] + sum; });
    }
    for (int64_t i = 0; i < D; ++i) T[i * D + i] += constant<V>(1);
    product<V>(D, D, D, matrix(T, D), matrix(G, D),
               [&](int64_t i, int64_t j, V sum) { TG[i * D + j] = sum; });
    symmetric_product<V>(D, D, matrix(TG, D), transposed(T, D), 1, G + DD);
    for (int64_t i = 0; i < D; ++i) z[D + i] = dot<V>(D, column(T + i * D), column(z));
  }
  const V *G = b.G + (L - 1) * DD, *z = b.z + (L - 1) * D;
  V e = z[D - 1] + pass.prompt(PromptLayout{D - 1, n}.label());
  for (int64_t h = 0; h < s.heads; ++h) {
    V *u = b.u + h * D, *v = b.v + h * D;
    const int64_t P = o.P(L - 1, h) + (D - 1) * D, Q = o.Q(L - 1, h);
    for (int64_t i = 0; i < D; ++i) {
      u[i] = dot<V>(
          D, [&](int64_t k) { return pass.parameter(Q + i * D + k); }, column(z));
    }
    for (int64_t i = 0; i < D; ++i) v[i] = dot<V>(D, column(G + i * D), column(u));
    e += dot<V>(
        D, [&](int64_t k) { return pass.parameter(P + k); }, column(v));
  }
  return e;
}

// a b^T / 2 and its transpose, added to H.
template <class V>
WEFT_INLINE void add_symmetric(int64_t D, const V* a, const V* b, V* H) {
  for (int64_t i = 0; i < D; ++i) {
    for (int64_t j = 0; j < D; ++j) H[i * D + j] += scale(a[i] * b[j] + a[j] * b[i], 0.5);
  }
}

template <class V>
WEFT_INLINE void last_layer_backward(const KernelShape& s, int64_t D, const Pass<V>& pass,
                                     const GramBuffers<V>& b, V e) {
  const FullOffsets o(s);
  const int64_t L = s.layers;
  const V *G = b.G + (L - 1) * D * D, *z = b.z + (L - 1) * D;
  const V slope = e + e;
  V *vbar = b.tmp, *ubar = b.Rbar;
  for (int64_t i = 0; i < D * D; ++i) b.H[i] = V{};
  for (int64_t i = 0; i < D; ++i) b.zbar[i] = V{};
  b.zbar[D - 1] = slope;
  for (int64_t h = 0; h < s.heads; ++h) {
    const V *u = b.u + h * D, *v = b.v + h * D;
    const int64_t P = o.P(L - 1, h) + (D - 1) * D, Q = o.Q(L - 1, h);
    for (int64_t k = 0; k < D; ++k) {
      pass.add(P + k, slope * v[k]);
      vbar[k] = slope * pass.parameter(P + k);
    }
    add_symmetric(D, vbar, u, b.H);
    for (int64_t i = 0; i < D; ++i) ubar[i] = dot<V>(D, column(G + i * D), column(vbar));
    for (int64_t i = 0; i < D; ++i) {
      for (int64_t j = 0; j < D; ++j) {
        pass.add(Q + i * D + j, ubar[i] * z[j]);
        b.zbar[j] += pass.parameter(Q + i * D + j) * ubar[i];
      }
    }
  }
}

// From H and zbar behind layer l to those before it.
template <class V>
WEFT_INLINE void layer_backward(const KernelShape& s, int64_t D, int64_t l, bool below,
                                const Pass<V>& pass, const GramBuffers<V>& b) {
  const FullOffsets o(s);
  const int64_t DD = D * D;
  const V *G = b.G + l * DD, *T = b.T + l * DD, *TG = b.TG + l * DD, *z = b.z + l * D;
  product<V>(D, D, D, matrix(b.H, D), matrix(TG, D), [&](int64_t i, int64_t j, V sum) {
    b.Tbar[i * D + j] = b.zbar[i] * z[j] + (sum + sum);
  });
  if (below) {
    product<V>(D, D, D, matrix(b.H, D), matrix(T, D),
               [&](int64_t i, int64_t j, V sum) { b.next[i * D + j] = sum; });
    symmetric_product<V>(D, D, transposed(T, D), matrix(b.next, D), 1, b.H);
    for (int64_t j = 0; j < D; ++j) {
      b.tmp[j] = dot<V>(
          D, [&](int64_t k) { return T[k * D + j]; }, column(b.zbar));
    }
    for (int64_t j = 0; j < D; ++j) b.zbar[j] = b.tmp[j];
  }
  for (int64_t h = 0; h < s.heads; ++h) {
    const V* R = b.R + (l * s.heads + h) * DD;
    product<V>(D, D, D, matrix(b.Tbar, D), transposed(R, D), add_to(pass, o.P(l, h), D));
    product<V>(D, D, D, parameters_transposed(pass, o.P(l, h), D), matrix(b.Tbar, D),
               [&](int64_t i, int64_t j, V sum) { b.Rbar[i * D + j] = sum; });
    product<V>(D, D, D, matrix(G, D), matrix(b.Rbar, D), add_to(pass, o.Q(l, h), D));
    if (!below) continue;
    product<V>(D, D, D, matrix(b.Rbar, D), parameters_transposed(pass, o.Q(l, h), D),
               [&](int64_t i, int64_t j, V sum) { b.next[i * D + j] = sum; });
    for (int64_t i = 0; i < D; ++i) {
      for (int64_t j = 0; j < D; ++j) {
        b.H[i * D + j] += scale(b.next[i * D + j] + b.next[j * D + i], 0.5);
      }
    }
  }
}

/// From H and zbar of the columns to the perceptron and the data.
template <class V>
WEFT_INLINE void gram_columns_backward(const KernelShape& s, int64_t D, const Pass<V>& pass,
                                       const GramBuffers<V>& b, V e) {
  const int64_t n = s.n;
  product<V>(n, D, D, matrix(b.columns.z, D), matrix(b.H, D), [&](int64_t t, int64_t a, V sum) {
    b.columns.bar[t * D + a] = scale(sum, 2. / static_cast<double>(n));
  });
  for (int64_t a = 0; a < D; ++a) b.columns.bar[n * D + a] = b.zbar[a];
  columns_backward(s, D - 1, pass, b.columns, e);
}

/// One vector of prompts. kD: d + 1 where it is known, 0 where the shape says it.
template <int kD, class V>
WEFT_OUTLINE void gram_pass(const KernelShape& s, const Pass<V>& pass) {
  const int64_t D = kD > 0 ? kD : s.d + 1;
  const GramBuffers<V> b(s, Scratch<V>{pass.scratch});
  make_columns(s, D - 1, pass, b.columns);
  const V e = gram_forward(s, D, pass, b);
  pass.leave_residual(e);
  if (!pass.backward()) return;
  const bool to_columns = pass.data != nullptr || s.hidden > 0;
  last_layer_backward(s, D, pass, b, e);
  for (int64_t l = s.layers - 2; l >= 0; --l) {
    layer_backward(s, D, l, l > 0 || to_columns, pass, b);
  }
  if (to_columns) gram_columns_backward(s, D, pass, b, e);
}

}  // namespace weft::WEFT_ISA
