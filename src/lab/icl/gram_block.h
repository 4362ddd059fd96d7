// The block form by way of Gram matrices, with its gradient: P_l = [[B_l, 0], [0, 1]] and
// Q_l = [[Q_l, 0], [0, 0]] (arXiv 2310.01082, section 2). All that the query sees of its context is
//
//   G = (1/n) sum x_i x_i^T, g = (1/n) sum y_i x_i, and then, layer by layer from e = y_q,
//   u = Q^T g;  e += u.x;  C = G Q;  A = I + B C;  v = g + G u;
//   x <- A x;  g <- A v;  G <- A G A^T                            (not behind the last layer)
//
// e ends as the residual, so that the cost of a prompt is O(L d^3) whatever n is. The way back is
// the adjoint of every line, H that of G. A template over lanes (lanes.h) and over d; d = 0 takes
// it at run time and gives the same bits. For *_simd.cc files only.
#pragma once

#include "lab/icl/lanes.h"
#include "lab/icl/pack.h"

// With the checks of a sanitizer at every access, unrolled products take Clang minutes to compile.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(undefined_behavior_sanitizer)
#define WEFT_SANITIZED 1
#endif
#endif
#if defined(WEFT_SANITIZED) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WEFT_UNROLL _Pragma("GCC unroll 1")
#else
#define WEFT_UNROLL _Pragma("GCC unroll 8")
#endif

namespace weft::WEFT_ISA {

/// Some lanes of a pack of prompts, as the kernels of vectors without derivatives see them.
template <class V>
struct PackLanes {
  using T = ScalarOf<V>;
  const icl::PackCall<T>& call;
  int64_t lane;  ///< the first

  WEFT_INLINE V parameter(int64_t i) const { return splat(call.theta[i]); }
  WEFT_INLINE V number(int64_t entry) const {
    return load(call.prompts + entry * icl::kPack + lane);
  }
  WEFT_INLINE void put_residual(V e) const { store(call.residual + lane, e); }
  WEFT_INLINE bool wants_gradient() const { return call.gradient != nullptr; }
  WEFT_INLINE void add_gradient(int64_t i, V x) const {
    T* at = call.gradient + i * icl::kPack + lane;
    store(at, load(at) + x);
  }
  WEFT_INLINE V* scratch() const { return reinterpret_cast<V*>(call.scratch); }
};

/// Lanes with the derivative along a direction of the parameters.
struct TangentLanes {
  using V = Dual<Vec64>;
  const icl::TangentCall& tangent;
  int64_t lane;

  WEFT_INLINE V parameter(int64_t i) const {
    return {splat(tangent.call.theta[i]), splat(tangent.direction[i])};
  }
  WEFT_INLINE V number(int64_t entry) const {
    return load_constant<V>(tangent.call.prompts + entry * icl::kPack + lane);
  }
  WEFT_INLINE void put_residual(V e) const { store(tangent.call.residual + lane, e.value); }
  WEFT_INLINE bool wants_gradient() const { return true; }
  WEFT_INLINE void add_gradient(int64_t i, V x) const {
    double* at = tangent.curvature + i * icl::kPack + lane;
    store(at, load(at) + x.tangent);
    if (tangent.call.gradient == nullptr) return;
    at = tangent.call.gradient + i * icl::kPack + lane;
    store(at, load(at) + x.value);
  }
  WEFT_INLINE V* scratch() const { return reinterpret_cast<V*>(tangent.call.scratch); }
};

/// Where a layer keeps what the way back needs, G packed: its upper triangle, row by row.
template <class V>
struct BlockLayer {
  V *x, *g, *u, *v;  // [d]
  V* G;              // [d (d + 1) / 2]
  V *C, *A, *AG;     // [d, d]
  static constexpr int64_t entries(int64_t d) { return 4 * d + d * (d + 1) / 2 + 3 * d * d; }

  WEFT_INLINE BlockLayer(V* at, int64_t d)
      : x(at),
        g(x + d),
        u(g + d),
        v(u + d),
        G(v + d),
        C(G + d * (d + 1) / 2),
        A(C + d * d),
        AG(A + d * d) {}
};

/// The computation for one group of lanes. Io: PackLanes or TangentLanes.
template <class V, int D, class Io>
class GramBlock {
 public:
  WEFT_INLINE GramBlock(const icl::KernelShape& shape, const Io& io)
      : io_(io),
        d_(D > 0 ? D : static_cast<int>(shape.d)),
        n_(shape.n),
        layers_(shape.layers),
        stride_(shape.tied ? 0 : 2 * shape.d * shape.d) {}

  WEFT_INLINE void run() {
    gram();
    const V e = forward();
    io_.put_residual(e);
    if (io_.wants_gradient()) backward(e + e);
  }

 private:
  enum class Part { all, upper };
  /// Sums side by side in a row of a product.
  static constexpr int kBlock = D == 0 ? 1 : D <= 5 ? D : D % 5 == 0 ? 5 : D % 4 == 0 ? 4 : 1;

  WEFT_INLINE int d() const { return D > 0 ? D : d_; }
  WEFT_INLINE BlockLayer<V> layer(int64_t l) const {
    return {io_.scratch() + l * BlockLayer<V>::entries(d()), d()};
  }
  /// Four adjoints of temporary kind, behind the layers: [d, d] each, then vectors.
  WEFT_INLINE V* work(int k) const {
    return io_.scratch() + layers_ * BlockLayer<V>::entries(d()) + k * d() * d();
  }
  WEFT_INLINE int upper(int i, int j) const {  // of a packed symmetric matrix
    return i <= j ? i * d() - i * (i - 1) / 2 + (j - i) : upper(j, i);
  }
  WEFT_INLINE V B(int64_t l, int i, int j) const {
    return io_.parameter(l * stride_ + i * d() + j);
  }
  WEFT_INLINE V Q(int64_t l, int i, int j) const {
    return io_.parameter(l * stride_ + (d() + i) * d() + j);
  }

  /// out(i, j, sum over k of a(i, k) b(k, j)), k in increasing order: for all j, or those of the
  /// upper triangle. Up to 5 sums of a row stay in registers; rows are not unrolled: with AVX2 that
  /// took 149 us for 1024 prompts of d = 5, n = 20, L = 3 instead of 113 (46 KB of instructions).
  template <Part part, class L, class R, class Out>
  WEFT_INLINE void product(L&& a, R&& b, Out&& out) const {
    const int m = d();
    if constexpr (D > 0 && D <= 5 && part == Part::upper) {
      for (int i = 0; i < m; ++i) {
        WEFT_UNROLL
        for (int j = i; j < m; ++j) out(i, j, dot(a, b, i, j));
      }
    } else {
      for (int i = 0; i < m; ++i) {
        int j = 0;
        if constexpr (part == Part::upper) j = i / kBlock * kBlock;
        for (; j < m; j += kBlock) {
          V sum[kBlock];
          WEFT_UNROLL
          for (int c = 0; c < kBlock; ++c) sum[c] = a(i, 0) * b(0, j + c);
          WEFT_UNROLL
          for (int k = 1; k < m; ++k) {
            const V x = a(i, k);
            WEFT_UNROLL
            for (int c = 0; c < kBlock; ++c) sum[c] += x * b(k, j + c);
          }
          WEFT_UNROLL
          for (int c = 0; c < kBlock; ++c) {
            if (part == Part::all || j + c >= i) out(i, j + c, sum[c]);
          }
        }
      }
    }
  }
  template <class L, class R>
  WEFT_INLINE V dot(L&& a, R&& b, int i, int j) const {
    const int m = d();
    V sum = a(i, 0) * b(0, j);
    WEFT_UNROLL
    for (int k = 1; k < m; ++k) sum += a(i, k) * b(k, j);
    return sum;
  }
  /// out(i, sum over k of a(i, k) x(k))
  template <class L, class X, class Out>
  WEFT_INLINE void apply(L&& a, X&& x, Out&& out) const {
    const int m = d();
    WEFT_UNROLL
    for (int i = 0; i < m; ++i) {
      V sum = a(i, 0) * x[0];
      WEFT_UNROLL
      for (int k = 1; k < m; ++k) sum += a(i, k) * x[k];
      out(i, sum);
    }
  }

  WEFT_INLINE void gram();
  WEFT_INLINE V forward();
  WEFT_INLINE void backward(V s);
  WEFT_INLINE void backward_last(V s, V* xbar, V* gbar);
  WEFT_INLINE void backward_layer(int64_t l, V s, V* xbar, V* gbar, V* H);

  const Io& io_;
  const int d_;
  const int64_t n_, layers_, stride_;
};

template <class V, int D, class Io>
WEFT_INLINE void GramBlock<V, D, Io>::gram() {
  const int m = d();
  const BlockLayer<V> first = layer(0);
  const icl::PromptLayout at{d(), n_};
  constexpr int kSize = D > 0 ? D : 1;
  const V share = constant<V>(1.0 / static_cast<double>(n_));
  const auto finish = [&](V* sum) { *sum = *sum * share; };
  if constexpr (D > 0 && D <= 5) {  // all sums in registers
    V G[kSize * (kSize + 1) / 2], g[kSize];
    for (auto& sum : G) sum = V{};
    for (auto& sum : g) sum = V{};
    for (int64_t i = 0; i < n_; ++i) {
      const V y = io_.number(at.y(i));
      V x[kSize];
      WEFT_UNROLL
      for (int c = 0; c < D; ++c) x[c] = io_.number(at.x(i, c));
      WEFT_UNROLL
      for (int r = 0; r < D; ++r) {
        g[r] += y * x[r];
        WEFT_UNROLL
        for (int c = r; c < D; ++c) G[upper(r, c)] += x[r] * x[c];
      }
    }
    WEFT_UNROLL
    for (int r = 0; r < D; ++r) {
      first.g[r] = g[r];
      WEFT_UNROLL
      for (int c = r; c < D; ++c) first.G[upper(r, c)] = G[upper(r, c)];
    }
  } else {
    for (int r = 0; r < m; ++r) {
      V sum{};
      for (int64_t i = 0; i < n_; ++i) sum += io_.number(at.y(i)) * io_.number(at.x(i, r));
      first.g[r] = sum;
      for (int c = r; c < m; ++c) {
        V square{};
        for (int64_t i = 0; i < n_; ++i) {
          square += io_.number(at.x(i, r)) * io_.number(at.x(i, c));
        }
        first.G[upper(r, c)] = square;
      }
    }
  }
  for (int r = 0; r < m; ++r) {
    finish(first.g + r);
    for (int c = r; c < m; ++c) finish(first.G + upper(r, c));
    first.x[r] = io_.number(at.query(r));
  }
}

template <class V, int D, class Io>
WEFT_INLINE V GramBlock<V, D, Io>::forward() {
  const int m = d();
  V e = io_.number(icl::PromptLayout{d(), n_}.label());
  for (int64_t l = 0; l < layers_; ++l) {
    const BlockLayer<V> s = layer(l);
    apply([&](int j, int i) { return Q(l, i, j); }, s.g, [&](int j, V sum) { s.u[j] = sum; });
    WEFT_UNROLL
    for (int c = 0; c < m; ++c) e += s.u[c] * s.x[c];
    if (l + 1 == layers_) break;
    const BlockLayer<V> next = layer(l + 1);
    const auto G = [&](int i, int j) { return s.G[upper(i, j)]; };
    const auto A = [&](int i, int j) { return s.A[i * d() + j]; };
    const auto AG = [&](int i, int j) { return s.AG[i * d() + j]; };
    product<Part::all>(
        G, [&](int k, int j) { return Q(l, k, j); },
        [&](int i, int j, V sum) { s.C[i * d() + j] = sum; });
    product<Part::all>(
        [&](int i, int k) { return B(l, i, k); }, [&](int k, int j) { return s.C[k * d() + j]; },
        [&](int i, int j, V sum) { s.A[i * d() + j] = i == j ? sum + constant<V>(1) : sum; });
    apply(G, s.u, [&](int i, V sum) { s.v[i] = s.g[i] + sum; });
    apply(A, s.x, [&](int i, V sum) { next.x[i] = sum; });
    apply(A, s.v, [&](int i, V sum) { next.g[i] = sum; });
    product<Part::all>(A, G, [&](int i, int j, V sum) { s.AG[i * d() + j] = sum; });
    product<Part::upper>(
        AG, [&](int k, int j) { return A(j, k); },
        [&](int i, int j, V sum) { next.G[upper(i, j)] = sum; });
  }
  return e;
}

/// The last layer: its u alone reaches the residual.
template <class V, int D, class Io>
WEFT_INLINE void GramBlock<V, D, Io>::backward_last(V s, V* xbar, V* gbar) {
  const int m = d();
  const int64_t l = layers_ - 1;
  const BlockLayer<V> z = layer(l);
  V* const ubar = work(4) + 3 * d();
  WEFT_UNROLL
  for (int i = 0; i < m; ++i) {
    ubar[i] = s * z.x[i];
    xbar[i] = s * z.u[i];
  }
  apply([&](int i, int k) { return Q(l, i, k); }, ubar, [&](int i, V sum) { gbar[i] = sum; });
  WEFT_UNROLL
  for (int i = 0; i < m; ++i) {
    WEFT_UNROLL
    for (int j = 0; j < m; ++j) {
      io_.add_gradient(l * stride_ + (d() + i) * d() + j, z.g[i] * ubar[j]);
    }
  }
}

template <class V, int D, class Io>
WEFT_INLINE void GramBlock<V, D, Io>::backward_layer(int64_t l, V s, V* xbar, V* gbar, V* H) {
  const int m = d();
  const BlockLayer<V> z = layer(l);
  const bool has_h = l + 2 < layers_, wants_h = l > 0;
  V* const Abar = work(0);            // [d, d]
  V* const Cbar = work(1);            // [d, d]
  V* const HA = work(2);              // [d, d]
  V* const vbar = work(4) + 2 * d();  // [d]
  V* const ubar = work(4) + 3 * d();  // [d]
  const auto G = [&](int i, int j) { return z.G[upper(i, j)]; };
  const auto Ht = [&](int i, int j) { return H[upper(i, j)]; };
  const auto A = [&](int i, int j) { return z.A[i * d() + j]; };
  const auto At = [&](int i, int j) { return z.A[j * d() + i]; };
  const auto outer = [&](int i, int j) { return xbar[i] * z.x[j] + gbar[i] * z.v[j]; };
  if (has_h) {
    product<Part::all>(
        Ht, [&](int k, int j) { return z.AG[k * d() + j]; },
        [&](int i, int j, V sum) { Abar[i * d() + j] = outer(i, j) + (sum + sum); });
  } else {
    WEFT_UNROLL
    for (int i = 0; i < m; ++i) {
      WEFT_UNROLL
      for (int j = 0; j < m; ++j) Abar[i * d() + j] = outer(i, j);
    }
  }
  apply(At, gbar, [&](int i, V sum) { vbar[i] = sum; });
  apply(G, vbar, [&](int i, V sum) { ubar[i] = s * z.x[i] + sum; });
  V* const next_x = HA;  // free until H is wanted
  apply(At, xbar, [&](int i, V sum) { next_x[i] = sum + s * z.u[i]; });
  WEFT_UNROLL
  for (int i = 0; i < m; ++i) xbar[i] = next_x[i];
  apply([&](int i, int k) { return Q(l, i, k); }, ubar,
        [&](int i, V sum) { gbar[i] = vbar[i] + sum; });
  const auto Ab = [&](int i, int j) { return Abar[i * d() + j]; };
  product<Part::all>(
      Ab, [&](int k, int j) { return z.C[j * d() + k]; },
      [&](int i, int j, V sum) { io_.add_gradient(l * stride_ + i * d() + j, sum); });
  product<Part::all>([&](int i, int k) { return B(l, k, i); }, Ab,
                     [&](int i, int j, V sum) { Cbar[i * d() + j] = sum; });
  product<Part::all>(
      G, [&](int k, int j) { return Cbar[k * d() + j]; },
      [&](int i, int j, V sum) {
        io_.add_gradient(l * stride_ + (d() + i) * d() + j, sum + z.g[i] * ubar[j]);
      });
  if (!wants_h) return;
  V* const W = Abar;  // vbar u^T + Cbar Q^T
  product<Part::all>([&](int i, int k) { return Cbar[i * d() + k]; },
                     [&](int k, int j) { return Q(l, j, k); },
                     [&](int i, int j, V sum) { W[i * d() + j] = vbar[i] * z.u[j] + sum; });
  const auto symmetric = [&](int i, int j) { return scale(W[i * d() + j] + W[j * d() + i], 0.5); };
  if (has_h) {
    product<Part::all>(Ht, A, [&](int i, int j, V sum) { HA[i * d() + j] = sum; });
    product<Part::upper>(
        At, [&](int k, int j) { return HA[k * d() + j]; },
        [&](int i, int j, V sum) { H[upper(i, j)] = sum + symmetric(i, j); });
  } else {
    WEFT_UNROLL
    for (int i = 0; i < m; ++i) {
      WEFT_UNROLL
      for (int j = i; j < m; ++j) H[upper(i, j)] = symmetric(i, j);
    }
  }
}

template <class V, int D, class Io>
WEFT_INLINE void GramBlock<V, D, Io>::backward(V s) {
  V* const H = work(3);           // [d (d + 1) / 2]
  V* const xbar = work(4);        // [d]
  V* const gbar = work(4) + d();  // [d]
  backward_last(s, xbar, gbar);
  for (int64_t l = layers_ - 2; l >= 0; --l) backward_layer(l, s, xbar, gbar, H);
}

/// Scratch of one group of lanes, in entries; of duals twice as much memory.
inline constexpr int64_t gram_block_entries(int64_t d, int64_t layers) {
  return layers * BlockLayer<Vec>::entries(d) + 4 * d * d + 4 * d;
}

}  // namespace weft::WEFT_ISA
