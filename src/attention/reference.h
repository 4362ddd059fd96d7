// The definition of streaming attention: the formula of a mechanism in plain loops, in the type
// that sums are kept in (f64 for f64). Every other kernel is held against it. Memory linear in the
// length.
#pragma once

#include <algorithm>

#include "attention/addressing.h"
#include "attention/mechanism.h"
#include "base/dtype.h"

namespace weft {

template <class M, class T>
class Reference {
 public:
  using C = compute_t<T>;

  static size_t forward_scratch(const AttentionProblem& p, const TileKernel*) {
    return sizeof(C) * static_cast<size_t>(p.threads * forward_elements(p));
  }
  static size_t backward_scratch(const AttentionProblem& p, const TileKernel*) {
    const Int learned = p.max_batch * p.heads * p.value_dim;
    return sizeof(C) * static_cast<size_t>(learned + p.threads * thread_elements(p));
  }

  static void forward(const AttentionProblem& p, const AttentionRun& run, const Runtime& rt,
                      const TileKernel*) {
    parallel_for(rt, run.batch * p.heads, [&](Int task, int thread) {
      const Reference at(p, run, task / p.heads);
      C* z = reinterpret_cast<C*>(run.scratch) + Int{thread} * forward_elements(p);
      for (Int i = 0; i < run.time; ++i) at.forward_row(task % p.heads, i, z, z + longest_row(p));
    });
  }

  static void backward(const AttentionProblem& p, const AttentionRun& run, const Runtime& rt,
                       const TileKernel*) {
    C* learned = reinterpret_cast<C*>(run.scratch);  // [batch, heads, value_dim]
    C* private_begin = learned + p.max_batch * p.heads * p.value_dim;
    std::fill(learned, private_begin, C(0));
    parallel_for(rt, run.batch * p.owners, [&](Int task, int thread) {
      const Reference at(p, run, task / p.owners);
      at.backward_owner(task % p.owners, private_begin + Int{thread} * thread_elements(p), learned);
    });
    write_learned(p, run, learned);
  }

 private:
  Reference(const AttentionProblem& p, const AttentionRun& run, Int b) : p_(p), run_(run), b_(b) {}

  static Int longest_row(const AttentionProblem& p) {
    return p.max_time + (p.k_past == nullptr ? 0 : p.most_capacity);
  }
  static Int forward_elements(const AttentionProblem& p) {
    return 2 * longest_row(p) + p.value_dim;
  }
  static Int thread_elements(const AttentionProblem& p) {
    return p.head_dim + 4 * p.max_time + p.slots * p.max_time * (p.head_dim + p.value_dim);
  }
  static C product(const T* a, const T* b, Int n) {
    C s = 0;
    for (Int d = 0; d < n; ++d) s += C(a[d]) * C(b[d]);
    return s;
  }
  static void put(T* at, C value, bool add) { *at = T(add ? C(*at) + value : value); }

  Int row(Int i) const { return b_ * run_.time + i; }
  KeyRange visible(Int i) const {
    return visible_keys(p_, run_, document_of(run_, row(i)), run_.past + i);
  }
  Int kv_head(Int h) const { return h / (p_.heads / p_.kv_heads); }
  T* output(void* o, Int h, Int i) const {
    return static_cast<T*>(o) + (row(i) * p_.heads + h) * p_.value_dim;
  }
  C learned_weight(Int h, Int d) const {
    const void* w = run_.in[p_.remainder_input];
    const Int at = h * p_.value_dim + d;
    return p_.remainder_is_f32 ? C(static_cast<const float*>(w)[at])
                               : C(static_cast<const T*>(w)[at]);
  }

  /// Scores z and weights w of row i, nearest key first; returns the remainder.
  C row_weights(Int h, Int i, KeyRange keys, C* z, C* w) const {
    const Int a = run_.past + i, n = keys.end - keys.begin;
    const T* q = fresh_row<T>(run_, p_.q[h], row(i));
    const KeySource source = keys_of(p_, kv_head(h));
    for (Int t = 0; t < n; ++t) {
      const Int j = keys.end - 1 - t;
      z[t] = C(p_.scale_exact) * product(q, key_row<T>(run_, source, b_, j), p_.head_dim);
      if (p_.slopes != nullptr) z[t] -= C(p_.slopes[h]) * C(a - j);
    }
    return n == 0 ? C(1) : M::weights(p_.settings, z, n, w);
  }

  void forward_row(Int h, Int i, C* z, C* w) const {
    const KeyRange keys = visible(i);
    const C rem = row_weights(h, i, keys, z, w);
    const KeySource values = values_of(p_, kv_head(h));
    const T* own = fresh_row<T>(run_, *values.fresh, row(i));
    T* o = output(run_.o, h, i);
    C* sum = w + longest_row(p_);  // [value_dim]
    std::fill_n(sum, p_.value_dim, C(0));
    for (Int j = keys.begin; j < keys.end; ++j) {
      const T* v = key_row<T>(run_, values, b_, j);
      for (Int d = 0; d < p_.value_dim; ++d) sum[d] += w[keys.end - 1 - j] * C(v[d]);
    }
    for (Int d = 0; d < p_.value_dim; ++d) {
      if (p_.settings.remainder == Remainder::self_value) sum[d] += rem * C(own[d]);
      if (p_.settings.remainder == Remainder::learned) sum[d] += rem * learned_weight(h, d);
      o[d] = T(sum[d]);
    }
    if (run_.rem != nullptr) static_cast<RemainderType*>(run_.rem)[row(i) * p_.heads + h] = rem;
  }

  using RemainderType = C;

  struct Gradients {
    C *z, *w, *g, *dz;  // [time]
    C* dq;              // [head_dim]
    C* dk;              // [slots, time, head_dim]
    C* dv;              // [slots, time, value_dim]
    C* learned;         // [batch, heads, value_dim]
  };

  void backward_owner(Int owner, C* scratch, C* learned) const {
    const Int n = p_.max_time;
    Gradients s{scratch,         scratch + n, scratch + 2 * n, scratch + 3 * n,
                scratch + 4 * n, nullptr,     nullptr,         learned};
    s.dk = s.dq + p_.head_dim;
    s.dv = s.dk + p_.slots * n * p_.head_dim;
    std::fill(s.dk, s.dv + p_.slots * n * p_.value_dim, C(0));
    const Int group = p_.heads / p_.kv_heads;
    for (Int at = p_.owner_begin[owner]; at < p_.owner_begin[owner + 1]; ++at) {
      const Int hk = p_.owner_heads[at];
      for (Int h = hk * group; h < (hk + 1) * group; ++h) {
        for (Int i = 0; i < run_.time; ++i) backward_row(h, i, s);
      }
    }
    write_keys(owner, p_.k, p_.k_slot, p_.head_dim, s.dk);
    write_keys(owner, p_.v, p_.v_slot, p_.value_dim, s.dv);
  }

  void backward_row(Int h, Int i, const Gradients& s) const {
    const KeyRange keys = visible(i);
    const Int n = keys.end - keys.begin, hk = kv_head(h);
    const C rem = row_weights(h, i, keys, s.z, s.w);
    const T* dx = output(const_cast<void*>(run_.d_o), h, i);
    C* dk = s.dk + p_.k_slot[hk] * p_.max_time * p_.head_dim;
    C* dv = s.dv + p_.v_slot[hk] * p_.max_time * p_.value_dim;
    const C d_rem = remainder_gradient(h, i, rem, dx, dv, s.learned);
    for (Int t = 0; t < n; ++t) {
      const Int j = keys.end - 1 - t;
      s.g[t] = product(dx, key_row<T>(run_, values_of(p_, hk), b_, j), p_.value_dim);
      for (Int d = 0; d < p_.value_dim; ++d) dv[j * p_.value_dim + d] += s.w[t] * C(dx[d]);
    }
    if (n > 0) M::gradient(p_.settings, s.z, s.w, n, s.g, d_rem, s.dz);
    const T* q = fresh_row<T>(run_, p_.q[h], row(i));
    T* dq = gradient_row<T>(run_, p_.q[h], row(i));
    std::fill_n(s.dq, p_.head_dim, C(0));
    for (Int t = 0; t < n; ++t) {
      const Int j = keys.end - 1 - t;
      const T* k = key_row<T>(run_, keys_of(p_, hk), b_, j);
      const C dz = C(p_.scale_exact) * s.dz[t];
      for (Int d = 0; d < p_.head_dim; ++d) s.dq[d] += dz * C(k[d]);
      for (Int d = 0; d < p_.head_dim; ++d) dk[j * p_.head_dim + d] += dz * C(q[d]);
    }
    if (run_.d_in[p_.q[h].input] == nullptr) return;
    for (Int d = 0; d < p_.head_dim; ++d) put(dq + d, s.dq[d], run_.add[p_.q[h].input]);
  }

  /// The whole gradient of the remainder of a row, and what the remainder passes on.
  C remainder_gradient(Int h, Int i, C rem, const T* dx, C* dv, C* learned) const {
    C d_rem = run_.d_rem == nullptr
                  ? C(0)
                  : static_cast<const RemainderType*>(run_.d_rem)[row(i) * p_.heads + h];
    const T* own = fresh_row<T>(run_, p_.v[kv_head(h)], row(i));
    for (Int d = 0; d < p_.value_dim; ++d) {
      if (p_.settings.remainder == Remainder::self_value) {
        d_rem += C(dx[d]) * C(own[d]);
        dv[i * p_.value_dim + d] += rem * C(dx[d]);
      } else if (p_.settings.remainder == Remainder::learned) {
        d_rem += C(dx[d]) * learned_weight(h, d);
        learned[(b_ * p_.heads + h) * p_.value_dim + d] += rem * C(dx[d]);
      }
    }
    return d_rem;
  }

  /// Writes the buffers of an owner, each once, to the gradients of the columns that they stand
  /// for.
  void write_keys(Int owner, const HeadSource* heads, const int32_t* slot, Int dim,
                  const C* sums) const {
    Int written = 0;
    for (Int n = p_.owner_begin[owner]; n < p_.owner_begin[owner + 1]; ++n) {
      const Int hk = p_.owner_heads[n];
      if (slot[hk] < written) continue;  // slots are numbered in the order of first use
      ++written;
      if (run_.d_in[heads[hk].input] == nullptr) continue;
      for (Int i = 0; i < run_.time; ++i) {
        T* at = gradient_row<T>(run_, heads[hk], row(i));
        for (Int d = 0; d < dim; ++d) {
          put(at + d, sums[(slot[hk] * p_.max_time + i) * dim + d], run_.add[heads[hk].input]);
        }
      }
    }
  }

  static void write_learned(const AttentionProblem& p, const AttentionRun& run, const C* learned) {
    if (p.remainder_input < 0 || run.d_in[p.remainder_input] == nullptr) return;
    const bool add = run.add[p.remainder_input];
    const Int n = p.heads * p.value_dim;
    for (Int e = 0; e < n; ++e) {
      C sum = 0;
      for (Int b = 0; b < run.batch; ++b) sum += learned[b * n + e];
      if (p.remainder_is_f32) {
        float* at = static_cast<float*>(run.d_in[p.remainder_input]) + e;
        *at = float(add ? C(*at) + sum : sum);
      } else {
        put(static_cast<T*>(run.d_in[p.remainder_input]) + e, sum, add);
      }
    }
  }

  const AttentionProblem& p_;
  const AttentionRun& run_;
  const Int b_;
};

}  // namespace weft
