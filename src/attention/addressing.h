// Where rows lie and which keys they see. Always inlined, so that each instruction set has its own.
#pragma once

#include "attention/problem.h"
#include "base/host_device.h"

#define WEFT_ADDRESSING \
  template <class T>    \
  WEFT_ALWAYS_INLINE

namespace weft {

using Int = int64_t;

WEFT_ALWAYS_INLINE Int larger(Int a, Int b) {
  return a > b ? a : b;
}
WEFT_ALWAYS_INLINE Int smaller(Int a, Int b) {
  return a < b ? a : b;
}

/// Row `row` (of batch * time) of a head of a fresh tensor.
WEFT_ADDRESSING const T* fresh_row(const AttentionRun& run, const HeadSource& head, Int row) {
  return static_cast<const T*>(run.in[head.input]) + row * head.width + head.column;
}
/// The same row of the gradient; null where nobody wants it.
WEFT_ADDRESSING T* gradient_row(const AttentionRun& run, const HeadSource& head, Int row) {
  T* base = static_cast<T*>(run.d_in[head.input]);
  return base == nullptr ? nullptr : base + row * head.width + head.column;
}
/// Position `p` of a head of a cache.
WEFT_ADDRESSING const T* cached_row(const AttentionRun& run, const HeadSource& head, Int b, Int dim,
                                    Int p) {
  return static_cast<const T*>(run.in[head.input]) +
         ((b * head.width + head.column) * head.capacity + p % head.capacity) * dim;
}

/// Keys or values: heads of the fresh tensors and of the cache (null: none).
struct KeySource {
  const HeadSource* fresh;
  const HeadSource* cached;
  Int dim;
};
/// A head of a set of keys and values.
WEFT_ALWAYS_INLINE Int entry_of(const AttentionProblem& p, Int set, Int head) {
  return set * p.kv_heads + head;
}
WEFT_ALWAYS_INLINE KeySource keys_of(const AttentionProblem& p, Int entry) {
  return {p.k + entry, p.k_past ? p.k_past + entry : nullptr, p.head_dim};
}
WEFT_ALWAYS_INLINE KeySource values_of(const AttentionProblem& p, Int entry) {
  return {p.v + entry, p.v_past ? p.v_past + entry : nullptr, p.value_dim};
}
/// The key or value at absolute position j, which must exist.
WEFT_ADDRESSING const T* key_row(const AttentionRun& run, const KeySource& s, Int b, Int j) {
  if (j >= run.past) return fresh_row<T>(run, *s.fresh, b * run.time + j - run.past);
  return cached_row<T>(run, *s.cached, b, s.dim, j);
}

/// The first of rows [j0, j1) where they lie evenly apart (by `stride` elements); null where they
/// do not: in cache and fresh tensor, or around the end of a ring.
WEFT_ADDRESSING const T* evenly_apart(const AttentionRun& run, const KeySource& s, Int b, Int j0,
                                      Int j1, Int& stride) {
  if (j0 >= run.past) {
    stride = s.fresh->width;
    return fresh_row<T>(run, *s.fresh, b * run.time + j0 - run.past);
  }
  stride = s.dim;
  const bool whole = j1 <= run.past && j0 % s.cached->capacity + (j1 - j0) <= s.cached->capacity;
  return whole ? cached_row<T>(run, *s.cached, b, s.dim, j0) : nullptr;
}

/// The oldest position that exists: what the cache still holds.
WEFT_ALWAYS_INLINE Int oldest_key(const AttentionProblem& p, const AttentionRun& run) {
  if (p.k_past == nullptr) return run.past;
  return larger(0, run.past - p.least_capacity);
}
/// Absolute position at which the document of a row starts.
WEFT_ALWAYS_INLINE Int document_of(const AttentionRun& run, Int row) {
  return run.first_key == nullptr ? 0 : run.first_key[row];
}
/// Keys [begin, end) that the query at position a of a document sees.
struct KeyRange {
  Int begin, end;
};
WEFT_ALWAYS_INLINE KeyRange visible_keys(const AttentionProblem& p, const AttentionRun& run,
                                         Int document, Int a) {
  const Int end = p.settings.strict ? a : a + 1;
  Int begin = larger(document, oldest_key(p, run));
  if (p.window > 0) begin = larger(begin, end - p.window);
  return {begin, larger(begin, end)};
}

/// Keys come in blocks cut at multiples of kBlock of the key's index within its own document.
inline constexpr Int kBlock = 64;
/// Where the block that holds the key before `to` begins, and where the one that holds `from` ends.
WEFT_ALWAYS_INLINE Int block_begin(Int document, Int to) {
  return document + (to - 1 - document) / kBlock * kBlock;
}
WEFT_ALWAYS_INLINE Int block_end(Int document, Int from) {
  return document + ((from - document) / kBlock + 1) * kBlock;
}

}  // namespace weft
#undef WEFT_ADDRESSING
