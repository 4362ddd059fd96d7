// What a kernel is told: sizes and addresses, as plain data. Light enough for *_simd.cc files.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weft {

/// A head of an input. Fresh tensors: element d of row r is at in[input][r * width + column + d].
/// Caches: element d of position p of batch b is at
/// in[input][((b * width + column) * capacity + p % capacity) * head_dim + d].
struct HeadSource {
  int32_t input;
  int64_t column;
  int64_t width;         ///< row stride of a fresh tensor; heads of a cache
  int64_t capacity = 0;  ///< positions of a cache
};

/// What the rest that the weights of a row leave is spent on.
enum class Remainder : uint8_t { none, self_value, learned };

/// The slot that a row sees beside its keys, by its score: none; 0; scale * q.k* with a learned key
/// k* of each query head, which no position turns and no window hides. Its weight is the rest.
enum class Sink : uint8_t { none, zero, key };

/// What a mechanism's arguments come down to.
struct MechanismSettings {
  bool strict = false;        ///< a query does not see the key at its own position
  bool normalised = false;    ///< weights of a row sum to one
  bool leaves_rest = false;   ///< weights of a row sum to one with a rest, which the op can return
  bool reads_output = false;  ///< the backward needs the products do.o
  /// Rows are divided by sums of either sign, which may come near 0: rounding has no bound.
  bool divides_by_any = false;
  Remainder remainder = Remainder::none;
  Sink sink = Sink::none;
  /// A tile stops when every stick is shorter than this. 0: when the rest rounds to nothing
  /// (exact); negative: never.
  double exit_below = 0;
  double numbers[4] = {};  ///< of mechanisms that need more
  bool operator==(const MechanismSettings&) const = default;
};

/// Fixed while planning.
struct AttentionProblem {
  int64_t heads, kv_heads, head_dim, value_dim;
  int64_t window;                         ///< 0: all
  int64_t least_capacity, most_capacity;  ///< of all caches; a window needs no more of the shorter
  float scale;
  double scale_exact;
  MechanismSettings settings;
  const double* slopes;               ///< [heads] or null
  int sets;                           ///< of keys and values, all at the same positions
  const HeadSource *q, *k, *v;        ///< [heads], [sets, kv_heads], [sets, kv_heads]
  const HeadSource *k_past, *v_past;  ///< [sets, kv_heads] or null
  int remainder_input;                ///< with the learned remainder [heads, value_dim], or -1
  int sink_input;                     ///< with the keys of the sinks [heads, head_dim], or -1
  bool parameters_are_f32;            ///< else of the activation type
  /// Key/value heads that share columns form one owner, so that one task writes their gradients.
  int owners;
  const int32_t* owner_begin;  ///< [owners + 1], into owner_heads
  const int32_t* owner_heads;  ///< [kv_heads]
  const int32_t* k_slot;  ///< [sets, kv_heads], number of the head's dk buffer within its owner
  const int32_t* v_slot;
  int slots;                    ///< most buffers of either kind of any owner
  int parts;                    ///< into which the query tiles of an owner are cut in the backward
  int64_t max_batch, max_time;  ///< planned
  int64_t most_blocks;          ///< of keys in a walk of the planned length
  int threads;
};

/// One execution.
struct AttentionRun {
  int64_t batch, time, past;
  const int32_t* first_key;  ///< [batch, time] or null
  const void* const* in;
  /// Of a recurrent mechanism, [batch, ...] in f32 (f64 of the f64 reference): not read where
  /// past == 0, then left behind the last row; or null: the past is empty.
  void* state;
  void* o;          ///< [rows, heads * value_dim]
  void* rem;        ///< [rows, heads] f32 (f64 of the f64 reference), or null
  void* statistic;  ///< saved [rows, heads] f32 (f64 of f64 kernels), or null
  int32_t*
      visited;  ///< saved [rows, heads]: key blocks walked by the tile that starts there; or null
  /// Saved [rows, heads * value_dim] in bf16: what rounding took from o, where the backward needs
  /// the products do.o exactly (decision 0004); or null.
  void* o_rest;
  /// Saved [rows, heads, most_blocks] f32 of a mechanism with two walks: what arrives at each block
  /// that the tile walked; or null: the backward walks twice.
  float* starts;
  const void* d_o;    ///< backward only, from here on
  const void* d_rem;  ///< or null
  void* const* d_in;
  const uint8_t* add;
  char* scratch;  ///< 64-byte aligned
};

}  // namespace weft
