// The plain skeleton of streaming attention: one query row at a time, for every machine that can
// run C++. The CPU has faster tiles (tile.h); this is what a CUDA device runs (streaming.cu), and a
// test runs it on the CPU.
//
// A *team* of threads walks a row: one thread on the CPU, a thread block on a device. Scores of a
// block of keys are shared out by keys, everything that is summed by channels, and the first thread
// alone asks the mechanism's row policy, key by key. So sums have one owner and one order: no
// atomics, and the same bits whatever the size of the team.
#pragma once

#include <concepts>

#include "attention/addressing.h"

namespace weft {

/// What a mechanism says about one query row; C is the type of scores and weights. Softmax and
/// stick- breaking: mechanisms/softmax.h, mechanisms/stick_breaking.h. Keys come nearest first.
///
/// Forward: begin; for each key the weight on the present scale, and the factor by which what was
/// summed before shrinks; finish gives the last factor and the statistic to save. `spent`: farther
/// keys weigh nothing, asked between blocks.
///
/// Back: begin_back gets the statistic, dL/do . o and dL/dremainder. Blocks are walked from the
/// farthest; each is replayed near to far for its weights and left far to near, when gradient()
/// gives dL/dscore from dL/dweight. A mechanism that needs the state of the row at the start of a
/// block has all blocks replayed once before (kTwoWalks), when keep() is stored, and resume()d.
template <class Row, class C>
concept RowPolicy = requires(Row row, const Row& seen, const MechanismSettings& settings, C x, C& y,
                             typename Row::Kept kept) {
  { Row::kTwoWalks } -> std::convertible_to<bool>;
  { Row::kRemainder } -> std::convertible_to<bool>;  // the statistic is the remainder
  row.begin(settings);
  { seen.spent() } -> std::same_as<bool>;
  { row.absorb(x, y) } -> std::same_as<C>;  // score, factor -> weight
  seen.finish(y, y);                        // factor, statistic
  row.begin_back(settings, x, x, x);
  { seen.keep() } -> std::same_as<typename Row::Kept>;
  row.resume(kept);
  { row.replay(x) } -> std::same_as<C>;          // score -> weight
  { row.gradient(x, x, x) } -> std::same_as<C>;  // score, weight, dL/dweight -> dL/dscore
};

/// One thread by itself.
struct Alone {
  WEFT_HOST_DEVICE int rank() const { return 0; }
  WEFT_HOST_DEVICE int size() const { return 1; }
  WEFT_HOST_DEVICE void sync() const {}
};

/// What a team shares, for a block of keys of one row.
template <class C>
struct TeamMemory {
  C score[kBlock], weight[kBlock];
  C rescale[kBlock];                ///< forward: by which what was summed before a key shrinks
  C d_weight[kBlock], dot[kBlock];  ///< backward: dL/dweight; dL/d(q.k) = scale * dL/dscore
  C factor, statistic;              ///< of the row
  bool spent;
};

/// Rows of one execution. T is float or double, also the type of all sums.
///
/// Forward writes o and, where they are asked for, rem, statistic and visited (blocks walked, a row
/// and head). The backward reads statistic, visited and (mechanisms without a remainder) o, needs
/// keys without a cache, and adds straight into the gradients. Every call is made by all threads of
/// a team together. One set of keys and values, no sink.
template <class Row, std::floating_point T, class Team>
requires RowPolicy<Row, T>
class RowWalk {
 public:
  using Kept = typename Row::Kept;

  WEFT_HOST_DEVICE RowWalk(const AttentionProblem& p, const AttentionRun& run,
                           TeamMemory<T>& memory, Team team)
      : p_(p), run_(run), m_(memory), team_(team) {}

  /// Most blocks that a row of the backward walks: elements of its `kept`.
  WEFT_HOST_DEVICE static Int most_blocks(const AttentionProblem& p) {
    return Row::kTwoWalks ? p.max_time / kBlock + 2 : 0;
  }

  /// Row `row` (of batch * time) of query head h.
  WEFT_HOST_DEVICE void forward(Int row, Int h) {
    const Place at(*this, row, h);
    T* o = static_cast<T*>(run_.o) + at.output;
    for (Int d = team_.rank(); d < p_.value_dim; d += team_.size()) o[d] = 0;
    Row state{};
    state.begin(p_.settings);
    int32_t visited = 0;
    for (Int to = at.keys.end; to > at.keys.begin; ++visited) {
      const Int from = at.block_begin(to), n = to - from;
      scores(at, from, n);
      team_.sync();
      if (team_.rank() == 0) {
        for (Int j = n - 1; j >= 0; --j) m_.weight[j] = state.absorb(m_.score[j], m_.rescale[j]);
        m_.spent = state.spent();
      }
      team_.sync();
      add_values(at, from, n, o);
      to = from;
      if (m_.spent) {
        ++visited;
        break;
      }
    }
    if (team_.rank() == 0) {
      state.finish(m_.factor, m_.statistic);
      store_statistic(at, visited);
    }
    team_.sync();
    finish_row(at, o);
    team_.sync();  // the next row overwrites the factor
  }

  /// All rows of the heads of one owner (AttentionProblem::owners) of sequence b: dq of its query
  /// heads, dk and dv of its keys. `kept` [most_blocks] belongs to the team.
  WEFT_HOST_DEVICE void backward(Int b, Int owner, Kept* kept) {
    const Int group = p_.heads / p_.kv_heads;
    const Int first = p_.owner_begin[owner], last = p_.owner_begin[owner + 1];
    for (Int n = first; n < last; ++n) {
      clear(b, p_.k[p_.owner_heads[n]], p_.head_dim);
      clear(b, p_.v[p_.owner_heads[n]], p_.value_dim);
    }
    for (Int n = first; n < last; ++n) {
      for (Int g = 0; g < group; ++g) {
        const Int h = p_.owner_heads[n] * group + g;
        clear(b, p_.q[h], p_.head_dim);
        for (Int i = 0; i < run_.time; ++i) backward_row(Place(*this, b * run_.time + i, h), kept);
      }
    }
  }

  /// Gradient of the learned remainder of query head h, once all rows have been walked forward.
  WEFT_HOST_DEVICE void learned_gradient(Int h) {
    T* to = static_cast<T*>(run_.d_in[p_.remainder_input]);
    if (to == nullptr) return;
    to += h * p_.value_dim;
    for (Int d = team_.rank(); d < p_.value_dim; d += team_.size()) {
      T sum = 0;
      for (Int row = 0; row < run_.batch * run_.time; ++row) {
        const Int at = row * p_.heads + h;
        sum += statistic(at) * static_cast<const T*>(run_.d_o)[at * p_.value_dim + d];
      }
      to[d] = run_.add[p_.remainder_input] ? to[d] + sum : sum;
    }
  }

 private:
  /// A query row: where it stands and what it sees.
  struct Place {
    Int row, h, kv, b;
    Int position, document;
    KeyRange keys;
    Int statistic,
        output;  ///< index in [rows, heads], and of its part of [rows, heads * value_dim]

    WEFT_HOST_DEVICE Place(const RowWalk& walk, Int row_, Int h_) : row(row_), h(h_) {
      const AttentionProblem& p = walk.p_;
      kv = h / (p.heads / p.kv_heads);
      b = row / walk.run_.time;
      position = walk.run_.past + row % walk.run_.time;
      document = document_of(walk.run_, row);
      keys = visible_keys(p, walk.run_, document, position);
      statistic = row * p.heads + h;
      output = statistic * p.value_dim;
    }
    WEFT_HOST_DEVICE Int block_begin(Int to) const {
      return larger(keys.begin, weft::block_begin(document, to));
    }
    WEFT_HOST_DEVICE Int block_end(Int from) const {
      return smaller(keys.end, weft::block_end(document, from));
    }
  };

  WEFT_HOST_DEVICE static T product(const T* a, const T* b, Int n) {
    T sum = 0;
    for (Int d = 0; d < n; ++d) sum += a[d] * b[d];
    return sum;
  }
  WEFT_HOST_DEVICE const T* key(const Place& at, Int j) const {
    return key_row<T>(run_, keys_of(p_, at.kv), at.b, j);
  }
  WEFT_HOST_DEVICE const T* value(const Place& at, Int j) const {
    return key_row<T>(run_, values_of(p_, at.kv), at.b, j);
  }
  /// Row of the gradients of the key at absolute position j.
  WEFT_HOST_DEVICE Int fresh(const Place& at, Int j) const {
    return at.b * run_.time + j - run_.past;
  }
  WEFT_HOST_DEVICE T statistic(Int at) const { return static_cast<const T*>(run_.statistic)[at]; }
  /// What the remainder of a row is spent on [value_dim], or null.
  WEFT_HOST_DEVICE const T* remainder_vector(const Place& at) const {
    if (p_.settings.remainder == Remainder::self_value) {
      return fresh_row<T>(run_, p_.v[at.kv], at.row);
    }
    if (p_.settings.remainder == Remainder::none) return nullptr;
    return static_cast<const T*>(run_.in[p_.remainder_input]) + at.h * p_.value_dim;
  }

  /// Scores of keys [from, from + n), shared out by keys.
  WEFT_HOST_DEVICE void scores(const Place& at, Int from, Int n) {
    const T* q = fresh_row<T>(run_, p_.q[at.h], at.row);
    for (Int j = team_.rank(); j < n; j += team_.size()) {
      T z = T(p_.scale_exact) * product(q, key(at, from + j), p_.head_dim);
      if (p_.slopes != nullptr) z -= T(p_.slopes[at.h]) * T(at.position - from - j);
      m_.score[j] = z;
    }
  }
  /// o [value_dim] grows by whole blocks, so that a sum over thousands of keys does not drift.
  WEFT_HOST_DEVICE void add_values(const Place& at, Int from, Int n, T* o) const {
    for (Int d = team_.rank(); d < p_.value_dim; d += team_.size()) {
      T sum = 0, shrink = 1;
      for (Int j = n - 1; j >= 0; --j) {
        sum = sum * m_.rescale[j] + m_.weight[j] * value(at, from + j)[d];
        shrink *= m_.rescale[j];
      }
      o[d] = o[d] * shrink + sum;
    }
  }
  WEFT_HOST_DEVICE void store_statistic(const Place& at, int32_t visited) const {
    if (run_.statistic != nullptr) static_cast<T*>(run_.statistic)[at.statistic] = m_.statistic;
    if (run_.visited != nullptr) run_.visited[at.statistic] = visited;
    if (Row::kRemainder && run_.rem != nullptr) {
      static_cast<T*>(run_.rem)[at.statistic] = m_.statistic;
    }
  }
  WEFT_HOST_DEVICE void finish_row(const Place& at, T* o) const {
    const T* rest = Row::kRemainder ? remainder_vector(at) : nullptr;
    for (Int d = team_.rank(); d < p_.value_dim; d += team_.size()) {
      o[d] *= m_.factor;
      if (rest != nullptr) o[d] += m_.statistic * rest[d];
    }
  }

  /// Zeroes the gradient of a head of sequence b where it is to be assigned.
  WEFT_HOST_DEVICE void clear(Int b, const HeadSource& head, Int dim) const {
    if (run_.d_in[head.input] == nullptr || run_.add[head.input]) return;
    for (Int i = 0; i < run_.time; ++i) {
      T* to = gradient_row<T>(run_, head, b * run_.time + i);
      for (Int d = team_.rank(); d < dim; d += team_.size()) to[d] = 0;
    }
  }

  WEFT_HOST_DEVICE void backward_row(const Place& at, Kept* kept) {
    Row state{};
    if (team_.rank() == 0) begin_back(at, state);
    if constexpr (Row::kRemainder) remainder_gradient(at);
    Int to = at.keys.end;
    Int visited = 0;
    for (const Int most = run_.visited[at.statistic]; visited < most; ++visited) {  // near to far
      const Int from = at.block_begin(to);
      if constexpr (Row::kTwoWalks) replay(at, from, to - from, state, kept + visited);
      to = from;
    }
    while (visited-- > 0) {  // and back, the same blocks
      const Int from = to;
      to = at.block_end(from);
      block_gradient(at, from, to - from, state, Row::kTwoWalks ? kept + visited : nullptr);
    }
  }
  /// What the policy is told before the way back. One thread.
  WEFT_HOST_DEVICE void begin_back(const Place& at, Row& state) const {
    const T* dx = static_cast<const T*>(run_.d_o) + at.output;
    T dot = 0, d_rem = 0;
    if constexpr (Row::kRemainder) {
      if (run_.d_rem != nullptr) d_rem = static_cast<const T*>(run_.d_rem)[at.statistic];
      const T* rest = remainder_vector(at);
      if (rest != nullptr) d_rem += product(dx, rest, p_.value_dim);
    } else {
      dot = product(dx, static_cast<const T*>(run_.o) + at.output, p_.value_dim);
    }
    state.begin_back(p_.settings, statistic(at.statistic), dot, d_rem);
  }
  /// What the remainder passes on to the value at the query's own position.
  WEFT_HOST_DEVICE void remainder_gradient(const Place& at) const {
    if (p_.settings.remainder != Remainder::self_value) return;
    T* dv = gradient_row<T>(run_, p_.v[at.kv], at.row);
    if (dv == nullptr) return;
    const T* dx = static_cast<const T*>(run_.d_o) + at.output;
    for (Int d = team_.rank(); d < p_.value_dim; d += team_.size()) {
      dv[d] += statistic(at.statistic) * dx[d];
    }
  }
  /// The first walk through a block: keeps the row's state before it.
  WEFT_HOST_DEVICE void replay(const Place& at, Int from, Int n, Row& state, Kept* kept) {
    scores(at, from, n);
    team_.sync();
    if (team_.rank() == 0) {
      *kept = state.keep();
      for (Int j = n - 1; j >= 0; --j) state.replay(m_.score[j]);
    }
    team_.sync();
  }
  /// The last walk through a block: dq, dk, dv.
  WEFT_HOST_DEVICE void block_gradient(const Place& at, Int from, Int n, Row& state,
                                       const Kept* kept) {
    const T* dx = static_cast<const T*>(run_.d_o) + at.output;
    scores(at, from, n);
    for (Int j = team_.rank(); j < n; j += team_.size()) {
      m_.d_weight[j] = product(dx, value(at, from + j), p_.value_dim);
    }
    team_.sync();
    if (team_.rank() == 0) {
      if constexpr (Row::kTwoWalks) state.resume(*kept);
      for (Int j = n - 1; j >= 0; --j) m_.weight[j] = state.replay(m_.score[j]);
      for (Int j = 0; j < n; ++j) {
        m_.dot[j] = T(p_.scale_exact) * state.gradient(m_.score[j], m_.weight[j], m_.d_weight[j]);
      }
    }
    team_.sync();
    add_gradients(at, from, n, dx);
  }
  /// dq += dS k, dk += dS q, dv += w dx; a thread has its channels throughout, so nobody else
  /// writes them.
  WEFT_HOST_DEVICE void add_gradients(const Place& at, Int from, Int n, const T* dx) const {
    const T* q = fresh_row<T>(run_, p_.q[at.h], at.row);
    T* dq = gradient_row<T>(run_, p_.q[at.h], at.row);
    for (Int d = team_.rank(); d < p_.head_dim; d += team_.size()) {
      T sum = 0;
      for (Int j = 0; j < n; ++j) {
        sum += m_.dot[j] * key(at, from + j)[d];
        T* dk = gradient_row<T>(run_, p_.k[at.kv], fresh(at, from + j));
        if (dk != nullptr) dk[d] += m_.dot[j] * q[d];
      }
      if (dq != nullptr) dq[d] += sum;
    }
    for (Int d = team_.rank(); d < p_.value_dim; d += team_.size()) {
      for (Int j = 0; j < n; ++j) {
        T* dv = gradient_row<T>(run_, p_.v[at.kv], fresh(at, from + j));
        if (dv != nullptr) dv[d] += m_.weight[j] * dx[d];
      }
    }
  }

  const AttentionProblem& p_;
  const AttentionRun& run_;
  TeamMemory<T>& m_;
  const Team team_;
};

}  // namespace weft
