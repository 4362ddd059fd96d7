// The definition of streaming attention: the formula of a mechanism in plain loops, in the type
// that sums are kept in (f64 for f64). Every other kernel is held against it. Memory linear in the
// length.
#pragma once

#include <algorithm>
#include <type_traits>

#include "attention/addressing.h"
#include "attention/mechanism.h"
#include "base/dtype.h"

namespace weft {

/// M: static templates `weights` and `gradient`; where it can be made from what the kernel runs (a
/// formula that arrives at run time), members.
template <class M, class T>
class Reference {
 public:
  using C = compute_t<T>;

  static size_t forward_scratch(const AttentionProblem& p, const TileKernel*) {
    return sizeof(C) * static_cast<size_t>(p.threads * forward_elements(p));
  }
  static size_t backward_scratch(const AttentionProblem& p, const TileKernel*) {
    return sizeof(C) * static_cast<size_t>(parameter_elements(p) + p.threads * thread_elements(p));
  }

  static void forward(const AttentionProblem& p, const AttentionRun& run, const Runtime& rt,
                      const TileKernel* formula) {
    parallel_for(rt, run.batch * p.heads, [&](Int task, int thread) {
      const Reference at(p, run, task / p.heads, formula);
      C* z = reinterpret_cast<C*>(run.scratch) + Int{thread} * forward_elements(p);
      for (Int i = 0; i < run.time; ++i) at.forward_row(task % p.heads, i, z, z + longest_row(p));
    });
  }

  static void backward(const AttentionProblem& p, const AttentionRun& run, const Runtime& rt,
                       const TileKernel* formula) {
    C* learned = reinterpret_cast<C*>(run.scratch);           // [batch, heads, value_dim]
    C* sink = learned + p.max_batch * p.heads * p.value_dim;  // [batch, heads, head_dim]
    C* private_begin = learned + parameter_elements(p);
    std::fill(learned, private_begin, C(0));
    parallel_for(rt, run.batch * p.owners, [&](Int task, int thread) {
      const Reference at(p, run, task / p.owners, formula);
      at.backward_owner(task % p.owners, private_begin + Int{thread} * thread_elements(p), learned,
                        sink);
    });
    write_parameter(p, run, p.remainder_input, learned, p.value_dim);
    write_parameter(p, run, p.sink_input, sink, p.head_dim);
  }

 private:
  Reference(const AttentionProblem& p, const AttentionRun& run, Int b, const TileKernel* formula)
      : p_(p), run_(run), b_(b), m_(policy(formula)) {}

  static M policy([[maybe_unused]] const TileKernel* formula) {
    if constexpr (std::is_constructible_v<M, const TileKernel*>) {
      return M(formula);
    } else {
      return M{};
    }
  }

  /// Scores of one row: those of every set, and that of the sink.
  static Int longest_row(const AttentionProblem& p) {
    return p.sets * (p.max_time + (p.k_past == nullptr ? 0 : p.most_capacity)) + 1;
  }
  static Int parameter_elements(const AttentionProblem& p) {
    return p.max_batch * p.heads * (p.value_dim + p.head_dim);
  }
  static Int forward_elements(const AttentionProblem& p) {
    return 2 * longest_row(p) + p.value_dim;
  }
  static Int thread_elements(const AttentionProblem& p) {
    return p.head_dim + 4 * longest_row(p) + p.slots * p.max_time * (p.head_dim + p.value_dim);
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
  /// Element d of head h of a parameter [heads, dim].
  C parameter(int input, Int dim, Int h, Int d) const {
    const Int at = h * dim + d;
    return p_.parameters_are_f32 ? C(static_cast<const float*>(run_.in[input])[at])
                                 : C(static_cast<const T*>(run_.in[input])[at]);
  }
  C learned_weight(Int h, Int d) const { return parameter(p_.remainder_input, p_.value_dim, h, d); }
  C sink_key(Int h, Int d) const { return parameter(p_.sink_input, p_.head_dim, h, d); }
  bool has_sink() const { return p_.settings.sink != Sink::none; }

  C sink_score(Int h, const T* q) const {
    C s = 0;
    if (p_.settings.sink != Sink::key) return s;
    for (Int d = 0; d < p_.head_dim; ++d) s += C(q[d]) * sink_key(h, d);
    return C(p_.scale_exact) * s;
  }

  /// Number of scores of a row.
  Int scores_of(KeyRange keys) const {
    return p_.sets * (keys.end - keys.begin) + (has_sink() ? 1 : 0);
  }
  /// Scores z and weights w of row i: set by set, nearest key first, then the sink's. Returns the
  /// rest, which is the weight of the sink where there is one.
  C row_weights(Int h, Int i, KeyRange keys, C* z, C* w) const {
    const Int a = run_.past + i, n = scores_of(keys);
    const T* q = fresh_row<T>(run_, p_.q[h], row(i));
    C* next = z;
    for (Int set = 0; set < p_.sets; ++set) {
      const KeySource source = keys_of(p_, entry_of(p_, set, kv_head(h)));
      for (Int j = keys.end - 1; j >= keys.begin; --j, ++next) {
        *next = C(p_.scale_exact) * product(q, key_row<T>(run_, source, b_, j), p_.head_dim);
        if (p_.slopes != nullptr) *next -= C(p_.slopes[h]) * C(a - j);
      }
    }
    if (has_sink()) *next = sink_score(h, q);
    if (n == 0) return C(1);
    const C rest = m_.weights(p_.settings, z, n, w);
    return has_sink() ? w[n - 1] : rest;
  }

  void forward_row(Int h, Int i, C* z, C* w) const {
    const KeyRange keys = visible(i);
    const C rem = row_weights(h, i, keys, z, w);
    const T* own = fresh_row<T>(run_, p_.v[kv_head(h)], row(i));
    T* o = output(run_.o, h, i);
    C* sum = w + longest_row(p_);  // [value_dim]
    std::fill_n(sum, p_.value_dim, C(0));
    for (Int set = 0; set < p_.sets; ++set, w += keys.end - keys.begin) {
      const KeySource values = values_of(p_, entry_of(p_, set, kv_head(h)));
      for (Int j = keys.begin; j < keys.end; ++j) {
        const T* v = key_row<T>(run_, values, b_, j);
        for (Int d = 0; d < p_.value_dim; ++d) sum[d] += w[keys.end - 1 - j] * C(v[d]);
      }
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
    C *z, *w, *g, *dz;  // [longest_row]
    C* dq;              // [head_dim]
    C* dk;              // [slots, time, head_dim]
    C* dv;              // [slots, time, value_dim]
    C* learned;         // [batch, heads, value_dim]
    C* sink;            // [batch, heads, head_dim]
  };

  void backward_owner(Int owner, C* scratch, C* learned, C* sink) const {
    const Int n = longest_row(p_);
    Gradients s{scratch,         scratch + n,     scratch + 2 * n,
                scratch + 3 * n, scratch + 4 * n, nullptr,
                nullptr,         learned,         sink};
    s.dk = s.dq + p_.head_dim;
    s.dv = s.dk + p_.slots * p_.max_time * p_.head_dim;
    std::fill(s.dk, s.dv + p_.slots * p_.max_time * p_.value_dim, C(0));
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
    const Int n = scores_of(keys);
    const C rem = row_weights(h, i, keys, s.z, s.w);
    const T* dx = output(const_cast<void*>(run_.d_o), h, i);
    const C d_rem = remainder_gradient(h, i, rem, dx, s);
    value_gradient(h, keys, dx, s);
    if (has_sink()) s.g[n - 1] = d_rem;
    if (n > 0) m_.gradient(p_.settings, s.z, s.w, n, s.g, d_rem, s.dz);
    const T* q = fresh_row<T>(run_, p_.q[h], row(i));
    std::fill_n(s.dq, p_.head_dim, C(0));
    key_gradient(h, keys, q, s);
    if (p_.settings.sink == Sink::key) {
      const C dz = C(p_.scale_exact) * s.dz[n - 1];
      C* to = s.sink + (b_ * p_.heads + h) * p_.head_dim;
      for (Int d = 0; d < p_.head_dim; ++d) s.dq[d] += dz * sink_key(h, d);
      for (Int d = 0; d < p_.head_dim; ++d) to[d] += dz * C(q[d]);
    }
    T* dq = gradient_row<T>(run_, p_.q[h], row(i));
    if (run_.d_in[p_.q[h].input] == nullptr) return;
    for (Int d = 0; d < p_.head_dim; ++d) put(dq + d, s.dq[d], run_.add[p_.q[h].input]);
  }

  /// dL/dw of the keys' weights, into g; adds to dv.
  void value_gradient(Int h, KeyRange keys, const T* dx, const Gradients& s) const {
    Int t = 0;
    for (Int set = 0; set < p_.sets; ++set) {
      const Int entry = entry_of(p_, set, kv_head(h));
      const KeySource values = values_of(p_, entry);
      C* dv = s.dv + p_.v_slot[entry] * p_.max_time * p_.value_dim;
      for (Int j = keys.end - 1; j >= keys.begin; --j, ++t) {
        s.g[t] = product(dx, key_row<T>(run_, values, b_, j), p_.value_dim);
        for (Int d = 0; d < p_.value_dim; ++d) dv[j * p_.value_dim + d] += s.w[t] * C(dx[d]);
      }
    }
  }
  /// Adds what the scores of the keys, dz, pass on to dq and dk.
  void key_gradient(Int h, KeyRange keys, const T* q, const Gradients& s) const {
    Int t = 0;
    for (Int set = 0; set < p_.sets; ++set) {
      const Int entry = entry_of(p_, set, kv_head(h));
      const KeySource source = keys_of(p_, entry);
      C* dk = s.dk + p_.k_slot[entry] * p_.max_time * p_.head_dim;
      for (Int j = keys.end - 1; j >= keys.begin; --j, ++t) {
        const T* k = key_row<T>(run_, source, b_, j);
        const C dz = C(p_.scale_exact) * s.dz[t];
        for (Int d = 0; d < p_.head_dim; ++d) s.dq[d] += dz * C(k[d]);
        for (Int d = 0; d < p_.head_dim; ++d) dk[j * p_.head_dim + d] += dz * C(q[d]);
      }
    }
  }

  /// The whole gradient of the remainder of a row, and what the remainder passes on.
  C remainder_gradient(Int h, Int i, C rem, const T* dx, const Gradients& s) const {
    C d_rem = run_.d_rem == nullptr
                  ? C(0)
                  : static_cast<const RemainderType*>(run_.d_rem)[row(i) * p_.heads + h];
    const T* own = fresh_row<T>(run_, p_.v[kv_head(h)], row(i));
    C* dv = s.dv + p_.v_slot[kv_head(h)] * p_.max_time * p_.value_dim;
    for (Int d = 0; d < p_.value_dim; ++d) {
      if (p_.settings.remainder == Remainder::self_value) {
        d_rem += C(dx[d]) * C(own[d]);
        dv[i * p_.value_dim + d] += rem * C(dx[d]);
      } else if (p_.settings.remainder == Remainder::learned) {
        d_rem += C(dx[d]) * learned_weight(h, d);
        s.learned[(b_ * p_.heads + h) * p_.value_dim + d] += rem * C(dx[d]);
      }
    }
    return d_rem;
  }

  /// Writes the buffers of an owner, each once, to the gradients of the columns that they stand
  /// for.
  void write_keys(Int owner, const HeadSource* heads, const int32_t* slot, Int dim,
                  const C* sums) const {
    Int written = 0;
    for (Int set = 0; set < p_.sets; ++set) {
      for (Int n = p_.owner_begin[owner]; n < p_.owner_begin[owner + 1]; ++n) {
        const Int entry = entry_of(p_, set, p_.owner_heads[n]);
        if (slot[entry] < written) continue;  // slots are numbered in the order of first use
        ++written;
        write_head(heads[entry], dim, sums + slot[entry] * p_.max_time * dim);
      }
    }
  }
  void write_head(const HeadSource& head, Int dim, const C* sums) const {
    if (run_.d_in[head.input] == nullptr) return;
    for (Int i = 0; i < run_.time; ++i) {
      T* at = gradient_row<T>(run_, head, row(i));
      for (Int d = 0; d < dim; ++d) put(at + d, sums[i * dim + d], run_.add[head.input]);
    }
  }

  /// Sums the gradient of a parameter [heads, dim] over sequences.
  static void write_parameter(const AttentionProblem& p, const AttentionRun& run, int input,
                              const C* sums, Int dim) {
    if (input < 0 || run.d_in[input] == nullptr) return;
    const bool add = run.add[input];
    const Int n = p.heads * dim;
    for (Int e = 0; e < n; ++e) {
      C sum = 0;
      for (Int b = 0; b < run.batch; ++b) sum += sums[b * n + e];
      if (p.parameters_are_f32) {
        float* at = static_cast<float*>(run.d_in[input]) + e;
        *at = float(add ? C(*at) + sum : sum);
      } else {
        put(static_cast<T*>(run.d_in[input]) + e, sum, add);
      }
    }
  }

  const AttentionProblem& p_;
  const AttentionRun& run_;
  const Int b_;
  const M m_;
};

}  // namespace weft
