// The definition of linear attention: weights over keys in plain loops, in the type that sums are
// kept in (f64 for f64). Quadratic in time, linear in memory. Every other kernel is held against
// it.
#pragma once

#include <algorithm>

#include "attention/linear/recurrence.h"
#include "attention/mechanism.h"
#include "base/dtype.h"

namespace weft {

template <class T>
class LinearReference {
 public:
  using C = compute_t<T>;

  static size_t forward_scratch(const AttentionProblem& p, const TileKernel*) {
    return sizeof(C) * static_cast<size_t>(p.threads * elements(p, false));
  }
  static size_t backward_scratch(const AttentionProblem& p, const TileKernel*) {
    return sizeof(C) * static_cast<size_t>(p.threads * elements(p, true));
  }

  static void forward(const AttentionProblem& p, const AttentionRun& run, const Runtime& rt,
                      const TileKernel*) {
    parallel_for(rt, run.batch * p.heads, [&](Int task, int thread) {
      LinearReference at(p, run, task / p.heads, Int{thread} * elements(p, false));
      const Int h = task % p.heads;
      at.map_keys(at.kv_head(h));
      for (Int i = 0; i < run.time; ++i) at.forward_row(h, i);
    });
    if (run.state == nullptr) return;
    parallel_for(rt, run.batch * p.kv_heads, [&](Int task, int thread) {
      LinearReference at(p, run, task / p.kv_heads, Int{thread} * elements(p, false));
      at.map_keys(task % p.kv_heads);
      at.advance_state(task % p.kv_heads);
    });
  }

  static void backward(const AttentionProblem& p, const AttentionRun& run, const Runtime& rt,
                       const TileKernel*) {
    parallel_for(rt, run.batch * p.owners, [&](Int task, int thread) {
      LinearReference at(p, run, task / p.owners, Int{thread} * elements(p, true));
      at.backward_owner(task % p.owners);
    });
  }

 private:
  LinearReference(const AttentionProblem& p, const AttentionRun& run, Int b, Int offset)
      : p_(p), run_(run), b_(b), r_(recurrence_of(p.settings)) {
    const Int n = p.max_time;
    c_ = reinterpret_cast<C*>(run.scratch) + offset;
    keys_ = c_ + n + 1;
    query_ = keys_ + n * p.head_dim;
    sum_ = query_ + p.head_dim;
    a_ = sum_ + p.value_dim;
    g_ = a_ + n;
    dq_ = g_ + n;
    dk_ = dq_ + p.head_dim;
    dv_ = dk_ + p.slots * n * p.head_dim;
    // c[n] = 1 + mu + ... + mu^n
    c_[0] = 1;
    for (Int i = 1; i <= run.time; ++i) c_[i] = 1 + C(r_.momentum) * c_[i - 1];
  }
  static Int elements(const AttentionProblem& p, bool backward) {
    const Int n = p.max_time;
    const Int forth = n + 1 + (n + 1) * p.head_dim + p.value_dim + n;
    return backward ? forth + n + p.head_dim + p.slots * n * (p.head_dim + p.value_dim) : forth;
  }

  C feature(C x) const {
    if (r_.feature == Feature::identity) return x;
    if (r_.feature == Feature::relu) return x < 0 ? C(0) : x;
    return x > 0 ? x + 1 : C(__builtin_exp(double(x)));
  }
  C slope(C x) const {
    if (r_.feature == Feature::identity) return 1;
    if (r_.feature == Feature::relu) return x > 0 ? C(1) : C(0);
    return x > 0 ? C(1) : C(__builtin_exp(double(x)));
  }

  Int row(Int i) const { return b_ * run_.time + i; }
  Int kv_head(Int h) const { return h / (p_.heads / p_.kv_heads); }
  /// First row of this run that row i sees; true in `past` where the state belongs to it too.
  Int first_row(Int i, bool& past) const {
    const Int document = document_of(run_, row(i));
    past = document < run_.past && run_.state != nullptr;
    return larger(0, document - run_.past);
  }
  const C* key(Int j) const { return keys_ + j * p_.head_dim; }
  const T* value(Int kv, Int j) const { return fresh_row<T>(run_, p_.v[kv], row(j)); }

  void map_keys(Int kv) {
    for (Int j = 0; j < run_.time; ++j) {
      const T* k = fresh_row<T>(run_, p_.k[kv], row(j));
      for (Int d = 0; d < p_.head_dim; ++d) keys_[j * p_.head_dim + d] = feature(C(k[d]));
    }
  }
  void map_query(Int h, Int i) {
    const T* q = fresh_row<T>(run_, p_.q[h], row(i));
    for (Int d = 0; d < p_.head_dim; ++d) query_[d] = feature(C(q[d]));
  }
  C with_key(Int j) const {
    C x = 0;
    for (Int d = 0; d < p_.head_dim; ++d) x += query_[d] * key(j)[d];
    return x;
  }
  /// What the weighted sum of a row is multiplied by; a row that sees nothing is zero.
  C factor(C total) const {
    if (!r_.normalise) return C(p_.scale_exact);
    return total == 0 ? C(0) : 1 / total;
  }

  void forward_row(Int h, Int i) {
    bool past;
    const Int first = first_row(i, past), kv = kv_head(h);
    map_query(h, i);
    std::fill_n(sum_, p_.value_dim, C(0));
    C total = 0;
    for (Int j = first; j <= i; ++j) {
      const C a = with_key(j);
      total += a;
      for (Int e = 0; e < p_.value_dim; ++e) sum_[e] += c_[i - j] * a * C(value(kv, j)[e]);
    }
    if (past) add_state(kv, i, total);
    T* o = static_cast<T*>(run_.o) + (row(i) * p_.heads + h) * p_.value_dim;
    for (Int e = 0; e < p_.value_dim; ++e) o[e] = T(factor(total) * sum_[e]);
  }

  /// The keys before this run: S + (mu + ... + mu^(i+1)) P, and z.
  void add_state(Int kv, Int i, C& total) {
    const Int columns = r_.columns(p_.value_dim);
    const C* state = state_of<C>(p_, run_, columns, b_, kv);
    const C later = C(r_.momentum) * c_[i];
    for (Int d = 0; d < p_.head_dim; ++d, state += columns) {
      for (Int e = 0; e < p_.value_dim; ++e) {
        sum_[e] += query_[d] * state[e];
        if (r_.momentum > 0) sum_[e] += query_[d] * later * state[p_.value_dim + e];
      }
      if (r_.normalise) total += query_[d] * state[columns - 1];
    }
  }

  /// P = mu P + phi(k) v^T, S = S + P, z = z + phi(k), row by row.
  void advance_state(Int kv) const {
    const Int columns = r_.columns(p_.value_dim);
    C* state = state_of<C>(p_, run_, columns, b_, kv);
    for (Int i = 0; i < run_.time; ++i) {
      const Int document = document_of(run_, row(i));
      const bool fresh = i == 0 ? document >= run_.past : document != document_of(run_, row(i - 1));
      if (fresh) std::fill_n(state, p_.head_dim * columns, C(0));
      for (Int d = 0; d < p_.head_dim; ++d) {
        C* s = state + d * columns;
        for (Int e = 0; e < p_.value_dim; ++e) {
          C more = key(i)[d] * C(value(kv, i)[e]);
          if (r_.momentum > 0) {
            C& p = s[p_.value_dim + e];
            more = p = C(r_.momentum) * p + more;
          }
          s[e] += more;
        }
        if (r_.normalise) s[columns - 1] += key(i)[d];
      }
    }
  }

  void backward_owner(Int owner) {
    std::fill_n(dk_, p_.slots * p_.max_time * p_.head_dim, C(0));
    std::fill_n(dv_, p_.slots * p_.max_time * p_.value_dim, C(0));
    const Int group = p_.heads / p_.kv_heads;
    for (Int n = p_.owner_begin[owner]; n < p_.owner_begin[owner + 1]; ++n) {
      const Int kv = p_.owner_heads[n];
      map_keys(kv);
      for (Int h = kv * group; h < (kv + 1) * group; ++h) {
        for (Int i = 0; i < run_.time; ++i) backward_row(h, i);
      }
    }
    write(owner, p_.k, p_.k_slot, p_.head_dim, dk_, true);
    write(owner, p_.v, p_.v_slot, p_.value_dim, dv_, false);
  }

  void backward_row(Int h, Int i) {
    bool past;
    const Int first = first_row(i, past), kv = kv_head(h), dim = p_.head_dim, edim = p_.value_dim;
    map_query(h, i);
    const T* dx = static_cast<const T*>(run_.d_o) + (row(i) * p_.heads + h) * edim;
    C total = 0, dot = 0;  // dot: dx . (what is divided by the total)
    for (Int j = first; j <= i; ++j) {
      a_[j] = with_key(j);
      total += a_[j];
      g_[j] = 0;
      for (Int e = 0; e < edim; ++e) g_[j] += C(dx[e]) * C(value(kv, j)[e]);
      dot += c_[i - j] * a_[j] * g_[j];
    }
    const C r = factor(total), through_total = r_.normalise ? r * r * dot : C(0);
    C* dk = dk_ + p_.k_slot[kv] * p_.max_time * dim;
    C* dv = dv_ + p_.v_slot[kv] * p_.max_time * edim;
    std::fill_n(dq_, dim, C(0));
    for (Int j = first; j <= i; ++j) {
      const C c = c_[i - j], da = c * r * g_[j] - through_total;
      for (Int d = 0; d < dim; ++d) dq_[d] += da * key(j)[d];
      for (Int d = 0; d < dim; ++d) dk[j * dim + d] += da * query_[d];
      for (Int e = 0; e < edim; ++e) dv[j * edim + e] += c * r * a_[j] * C(dx[e]);
    }
    if (run_.d_in[p_.q[h].input] == nullptr) return;
    const T* q = fresh_row<T>(run_, p_.q[h], row(i));
    T* to = gradient_row<T>(run_, p_.q[h], row(i));
    for (Int d = 0; d < dim; ++d) put(to + d, slope(C(q[d])) * dq_[d], run_.add[p_.q[h].input]);
  }

  static void put(T* at, C value, bool add) { *at = T(add ? C(*at) + value : value); }

  /// Writes the sums of an owner, each once, to the gradients of the columns that they stand for.
  void write(Int owner, const HeadSource* heads, const int32_t* slot, Int dim, const C* sums,
             bool mapped) const {
    Int written = 0;
    for (Int n = p_.owner_begin[owner]; n < p_.owner_begin[owner + 1]; ++n) {
      const Int kv = p_.owner_heads[n];
      if (slot[kv] < written) continue;  // slots are numbered in the order of first use
      ++written;
      if (run_.d_in[heads[kv].input] == nullptr) continue;
      for (Int i = 0; i < run_.time; ++i) {
        const T* x = fresh_row<T>(run_, heads[kv], row(i));
        T* to = gradient_row<T>(run_, heads[kv], row(i));
        const C* from = sums + (slot[kv] * p_.max_time + i) * dim;
        for (Int d = 0; d < dim; ++d) {
          put(to + d, mapped ? slope(C(x[d])) * from[d] : from[d], run_.add[heads[kv].input]);
        }
      }
    }
  }

  const AttentionProblem& p_;
  const AttentionRun& run_;
  const Int b_;
  const Recurrence r_;
  C* c_;         // [time + 1]
  C* keys_;      // [time, head_dim], phi(k)
  C* query_;     // [head_dim], phi(q)
  C* sum_;       // [value_dim]
  C *a_, *g_;    // [time], phi(q).phi(k) and dx.v; from g_ on backward only
  C* dq_;        // [head_dim]
  C *dk_, *dv_;  // [slots, time, head_dim], [slots, time, value_dim], with respect to phi(k) and v
};

}  // namespace weft
