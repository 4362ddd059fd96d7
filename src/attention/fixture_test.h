// For the tests of attention: one call with plain arrays, in training or in chunks over a cache.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "attention/attention.h"

namespace weft::test {

struct Case {
  int64_t batch = 1, time = 1, heads = 1, kv_heads = 1, head_dim = 8, value_dim = 8;
  std::string mechanism = "stick-breaking";
  std::map<std::string, Arg> args = {};
  int64_t window = 0;
  double scale = 0;
  std::vector<double> slopes = {};
  std::vector<int32_t> first_key = {};  ///< [batch, time] or empty
  int64_t sets = 1;  ///< of keys and values: x.k and x.v hold sets * kv_heads heads
  /// [sets * kv_heads]: which of the heads of x.k or x.v each reads; empty: its own. What nobody
  /// reads gets no gradient: NaN.
  std::vector<int64_t> k_from = {}, v_from = {};
  DType type = DType::f32;
  std::string kernel = {};  ///< empty: the fastest
  int threads = 1;
  const MechanismRegistry* registry = nullptr;  ///< null: that of the library

  int64_t entries() const { return sets * kv_heads; }
};

using Array = std::vector<double>;

/// q, dx [rows, heads, dim], k, v [rows, sets * kv_heads, dim], drem [rows, heads], w [heads,
/// value_dim] the learned remainder or the values of sinks, sink [heads, head_dim] their keys.
struct Values {
  Array q, k, v, dx, drem, w, sink = {};
};
struct Outcome {
  Array o, rem, dq, dk, dv, dw, dsink;
  std::vector<int32_t> visited;  ///< [rows, heads]
};

/// Normal numbers, exact in bf16.
Values random_values(const Case& c, uint64_t seed = 1);
/// Forward and backward; outputs, scratch and gradients start as NaN, with rows to spare.
Outcome attend(const Case& c, const Values& x);
/// Forward only, chunk after chunk. `capacities`: none, caches that hold every position; one, the
/// number of positions of the two caches; 2 * kv_heads, every head has caches of its own, first
/// those of the keys.
Outcome attend_in_chunks(const Case& c, const Values& x, const std::vector<int64_t>& chunks,
                         std::vector<int64_t> capacities = {});
/// What attend() runs.
AttentionSpec spec_of(const Case& c);
MechanismSettings settings_of(const Case& c);

/// The streaming mechanisms of the library.
std::vector<std::string> mechanisms();
/// The case under every streaming mechanism of the library and every combination of its flags and
/// choices that the op tells apart; `trace` names each.
struct Variant {
  Case c;
  std::string trace;
};
std::vector<Variant> variants(const Case& c);
/// The larger of relative L2 and relative maximum error; infinite where sizes differ or a NaN is.
double error(const Array& got, const Array& want);
/// Rows [begin, end) of an array of `rows` equal rows.
Array rows_of(const Array& a, int64_t rows, int64_t begin, int64_t end);

/// Axis n of an array [outer, n, inner], element i taken from element order[i].
Array permuted(const Array& a, int64_t inner, const std::vector<int64_t>& order);

/// One head whose scores are z[j] for every query: q and the scale are one, keys are the scores.
Case scored(int64_t time, int64_t value_dim = 1);
Values with_scores(const Case& c, const Array& z, uint64_t seed = 3);
double sigmoid(double z);

/// The definition in long double, product form: weights [time, time] of one head of one sequence
/// whose scores are z [time, time]; rem [time].
void stick_weights(const Array& z, int64_t time, bool strict, Array& weights, Array& rem);

}  // namespace weft::test
