// The diagonal form by way of Gram matrices (2402.14180): P = diag(px I, py), Q = diag(qx I, qy),
// so that P G Q is G with its four parts weighed, W = sum over heads of (px, py) (qx, qy)^T:
//   T = I + W o G ;  z <- T z ;  G <- T G T^T ;  residual = z[last] + y_q
// Two products of matrices a layer and three on the way back instead of the full form's four and
// seven. *_simd.cc files only.
#pragma once

#include "lab/icl/gram_kernel.h"

namespace weft::WEFT_ISA {

/// Weights of the parts of G in a layer: W[a][b], a and b: 0 for covariates, 1 for the label.
template <class V>
struct PartWeights {
  V w[2][2];
};

template <class V>
struct Diagonal {
  const KernelShape& s;
  const Pass<V>& pass;
  const GramBuffers<V>& b;
  int64_t D;

  WEFT_INLINE int part(int64_t i) const { return i == D - 1 ? 1 : 0; }
  WEFT_INLINE int64_t offset(int64_t l, int64_t h) const {
    return FullOffsets(s).front() + ((s.tied ? 0 : l) * s.heads + h) * 4;
  }

  WEFT_INLINE PartWeights<V> weights(int64_t l) const {
    PartWeights<V> sum{};
    for (int64_t h = 0; h < s.heads; ++h) {
      for (int a = 0; a < 2; ++a) {
        for (int c = 0; c < 2; ++c) {
          sum.w[a][c] += pass.parameter(offset(l, h) + a) * pass.parameter(offset(l, h) + 2 + c);
        }
      }
    }
    return sum;
  }
  // From the gradient of the weights to that of the parameters.
  WEFT_INLINE void add_gradient(int64_t l, const PartWeights<V>& bar) const {
    for (int64_t h = 0; h < s.heads; ++h) {
      const int64_t at = offset(l, h);
      for (int a = 0; a < 2; ++a) {
        pass.add(at + a,
                 bar.w[a][0] * pass.parameter(at + 2) + bar.w[a][1] * pass.parameter(at + 3));
        pass.add(at + 2 + a,
                 bar.w[0][a] * pass.parameter(at) + bar.w[1][a] * pass.parameter(at + 1));
      }
    }
  }

  WEFT_INLINE V forward() const {
    const int64_t n = s.n, L = s.layers, DD = D * D;
    const V* Z = b.columns.z;
    symmetric_product<V>(D, n, transposed(Z, D), matrix(Z, D), 1. / static_cast<double>(n), b.G);
    for (int64_t a = 0; a < D; ++a) b.z[a] = Z[n * D + a];
    for (int64_t l = 0; l + 1 < L; ++l) {
      V *G = b.G + l * DD, *T = b.T + l * DD, *TG = b.TG + l * DD, *z = b.z + l * D;
      const PartWeights<V> W = weights(l);
      for (int64_t i = 0; i < D; ++i) {
        for (int64_t j = 0; j < D; ++j) {
          const V entry = W.w[part(i)][part(j)] * G[i * D + j];
          T[i * D + j] = i == j ? entry + constant<V>(1) : entry;
        }
      }
      product<V>(D, D, D, matrix(T, D), matrix(G, D),
                 [&](int64_t i, int64_t j, V sum) { TG[i * D + j] = sum; });
      symmetric_product<V>(D, D, matrix(TG, D), transposed(T, D), 1, G + DD);
      for (int64_t i = 0; i < D; ++i) z[D + i] = dot<V>(D, column(T + i * D), column(z));
    }
    const V *row = b.G + (L - 1) * DD + (D - 1) * D, *z = b.z + (L - 1) * D;
    const PartWeights<V> W = weights(L - 1);
    V e = z[D - 1] + pass.prompt(PromptLayout{D - 1, n}.label());
    for (int64_t j = 0; j < D; ++j) e += W.w[1][part(j)] * (row[j] * z[j]);
    return e;
  }

  // Of the last layer only the label's row of T is there.
  WEFT_INLINE void last_backward(V e) const {
    const int64_t L = s.layers;
    const V *row = b.G + (L - 1) * D * D + (D - 1) * D, *z = b.z + (L - 1) * D;
    const PartWeights<V> W = weights(L - 1);
    const V slope = e + e;
    PartWeights<V> bar{};
    for (int64_t i = 0; i < D * D; ++i) b.H[i] = V{};
    for (int64_t j = 0; j < D; ++j) {
      bar.w[1][part(j)] += slope * (row[j] * z[j]);
      const V weighed = slope * W.w[1][part(j)];
      b.zbar[j] = weighed * row[j];
      const V half = scale(weighed * z[j], 0.5);
      b.H[(D - 1) * D + j] += half;
      b.H[j * D + D - 1] += half;
    }
    b.zbar[D - 1] += slope;
    add_gradient(L - 1, bar);
  }

  WEFT_INLINE void layer_backward(int64_t l, bool below) const {
    const int64_t DD = D * D;
    const V *G = b.G + l * DD, *T = b.T + l * DD, *TG = b.TG + l * DD, *z = b.z + l * D;
    const PartWeights<V> W = weights(l);
    PartWeights<V> bar{};
    product<V>(D, D, D, matrix(b.H, D), matrix(TG, D), [&](int64_t i, int64_t j, V sum) {
      const V Tbar = b.zbar[i] * z[j] + (sum + sum);
      b.Tbar[i * D + j] = Tbar;
    });
    for (int64_t i = 0; i < D; ++i) {
      for (int64_t j = 0; j < D; ++j) {
        bar.w[part(i)][part(j)] += b.Tbar[i * D + j] * G[i * D + j];
      }
    }
    add_gradient(l, bar);
    if (!below) return;
    product<V>(D, D, D, matrix(b.H, D), matrix(T, D),
               [&](int64_t i, int64_t j, V sum) { b.next[i * D + j] = sum; });
    symmetric_product<V>(D, D, transposed(T, D), matrix(b.next, D), 1, b.H);
    for (int64_t i = 0; i < D; ++i) {
      for (int64_t j = 0; j < D; ++j) {
        b.H[i * D + j] += scale(
            W.w[part(i)][part(j)] * b.Tbar[i * D + j] + W.w[part(j)][part(i)] * b.Tbar[j * D + i],
            0.5);
      }
    }
    for (int64_t j = 0; j < D; ++j) {
      b.tmp[j] = dot<V>(
          D, [&](int64_t k) { return T[k * D + j]; }, column(b.zbar));
    }
    for (int64_t j = 0; j < D; ++j) b.zbar[j] = b.tmp[j];
  }
};

/// One vector of prompts. kD: d + 1 where it is known, 0 where the shape says it.
template <int kD, class V>
WEFT_OUTLINE void diagonal_pass(const KernelShape& s, const Pass<V>& pass) {
  const int64_t D = kD > 0 ? kD : s.d + 1;
  const GramBuffers<V> b(s, Scratch<V>{pass.scratch});
  make_columns(s, D - 1, pass, b.columns);
  const Diagonal<V> model{s, pass, b, D};
  const V e = model.forward();
  pass.leave_residual(e);
  if (!pass.backward()) return;
  const bool to_columns = pass.data != nullptr || s.hidden > 0;
  model.last_backward(e);
  for (int64_t l = s.layers - 2; l >= 0; --l) model.layer_backward(l, l > 0 || to_columns);
  if (to_columns) gram_columns_backward(s, D, pass, b, e);
}

}  // namespace weft::WEFT_ISA
