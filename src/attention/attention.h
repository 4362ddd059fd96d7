// Attention of queries over keys and values, forward and backward, with memory linear in the
// length.
//
//   o[i] = sum over visible keys j of weight[i, j] * v[j]
//
// How scores become weights is the mechanism's affair (mechanism.h); where heads lie in memory,
// what is cached, which keys are visible and which documents share a batch is this op's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "attention/mechanism.h"
#include "base/args.h"
#include "ops/head_ref.h"
#include "ops/op.h"

namespace weft {

/// Inputs are distinct tensors in any order; heads refer to them by number, so that a layer may
/// read keys or values of several other layers.
///
/// Positions: row i of a chunk stands at absolute position past + i of its sequence; keys are the
/// `past` cached ones and then the fresh ones. A query at position a sees keys j <= a (j < a where
/// the mechanism is strict), of the last `window` of those, and of its own document only
/// (RunArgs::first_key: rows of equal first_key are one document, which starts at that key).
///
/// Caches are [batch, heads, capacity, head_dim] of the activation type and hold position p at
/// index p % capacity. The op reads what was there before this chunk and never writes
/// (cache_append.h). A recurrent mechanism has no cache but a state of constant size, which the op
/// reads and writes in place.
///
/// Sets: k and v may name several sets of keys and values, set after set, the layer's own first. A
/// query sees the same positions in each, and all that it sees is weighed together (one softmax
/// over all sets). Refused for ordered and recurrent mechanisms.
///
/// Outputs: o [rows, heads * value_dim]; with `return_remainder` also what the weights of a row
/// leave of 1, the remainder (of a sink: its weight) [rows, heads] (f32; f64 for f64 inputs), whose
/// gradient is d_out[1] (null: zero).
struct AttentionSpec {
  int64_t heads = 1;      ///< query heads
  int64_t kv_heads = 1;   ///< divides heads; query head h reads kv head h / (heads / kv_heads)
  int64_t head_dim = 64;  ///< of q and k
  int64_t value_dim = 0;  ///< of v and o; 0: head_dim
  double scale = 0;       ///< of q.k; 0: 1 / sqrt(head_dim)
  int64_t window = 0;     ///< most keys that a query sees; 0: all
  std::string mechanism = "softmax";
  Args args;                   ///< of the mechanism; leave empty for its defaults
  std::vector<double> slopes;  ///< [heads], ALiBi: adds -slope * distance to the scaled score
  std::vector<HeadRef> q;      ///< [heads]
  std::vector<HeadRef> k, v;   ///< [sets * kv_heads] each; several may name the same columns
  std::vector<HeadRef> k_past, v_past;  ///< [sets * kv_heads] each, or empty: no cache
  /// Inputs with the mechanism's parameters that the op reads, in order; f32 (f64 with f64): the
  /// keys of sinks [heads, head_dim], a learned remainder (or the values of sinks) [heads,
  /// value_dim].
  std::vector<int> parameters;
  bool return_remainder = false;
  /// Recurrent mechanisms: input with the state [batch, MechanismInfo::state...], f32 (f64 with
  /// f64). Not read where RunArgs::past is 0. -1: none, every run begins at position 0.
  int state = -1;
};

/// Shapes of AttentionSpec::parameters under these settings, in order.
std::vector<Shape> parameter_shapes(const MechanismSettings& settings, int64_t heads,
                                    int64_t head_dim, int64_t value_dim);

/// The attention op of the spec. Throws Error(config) where the spec contradicts itself; shapes are
/// checked by plan(), which also refuses training with caches: they take no gradient.
std::unique_ptr<Op> make_attention(const AttentionSpec& spec,
                                   const MechanismRegistry& registry = MechanismRegistry());

/// Every kernel of every mechanism that this machine runs, against the float64 formula: forward and
/// backward at odd sizes with random cotangents and poisoned memory. For `weft check`.
std::vector<KernelRow> check_attention(const Runtime& runtime);

}  // namespace weft
