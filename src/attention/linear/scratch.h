// What the chunk kernels are told besides the problem, and their working memory.
#pragma once

#include "attention/linear/recurrence.h"
#include "attention/tile.h"

namespace weft {

/// Powers and sums of the momentum mu by distance, from running sums in f64: (1 - mu^n) / (1 - mu)
/// would cancel near 1.
struct MomentumTables {
  float power[kChunk + 1];  ///< mu^n
  float gain[kChunk + 1];   ///< mu + ... + mu^n: what n steps make of P in S
  /// 1 + ... + mu^n, last first: row i of a chunk finds those of keys 0, 1, ... at kChunk - 1 - i.
  float weight[2 * kChunk];
};

/// Working memory of a thread. D and E stand for the head_dim and value_dim padded to whole
/// vectors.
struct LinearScratch {
  float *k, *kt;    ///< phi(k) [kChunk, D], [D, kChunk]
  float* v;         ///< [kChunk, E]
  float* q;         ///< phi(q) [kChunk, D]
  float* a;         ///< [kChunk, kChunk] phi(q).phi(k)
  float* o;         ///< [kChunk, E]; in the backward the scaled dL/do
  float* scaled;    ///< [kChunk, max(D, E)] rows times powers or sums of the momentum
  float* state;     ///< forward: S, P [D, E], z [D]; backward: S^T, P^T [E, D], z [D]
  float* vt;        ///< [E, kChunk]; backward only, from here on
  float* g;         ///< [kChunk, kChunk] do.v, then dL/da
  float *dq, *dk;   ///< [kChunk, D], with respect to phi
  float* dv;        ///< [kChunk, E]
  float* dstate;    ///< dL/d of S, P [D, E], z [D] behind the chunk
  float* dstate_t;  ///< [matrices, E, D]
  float* kept;      ///< [chunks, like state] those at the chunks that do not begin a document
  int32_t* starts;  ///< [time] first rows of the chunks

  Int width, value_width;  ///< D, E
  Int matrix, state_size;  ///< D E; floats of a state
};

/// Hands out `base`; returns the number of bytes taken, whatever the base.
[[gnu::always_inline]] inline size_t carve(LinearScratch& s, const AttentionProblem& p, int lanes,
                                           bool backward, char* base) {
  Int used = 0;
  const auto take = [&](Int floats) __attribute__((always_inline)) {
    float* at = base == nullptr ? nullptr : reinterpret_cast<float*>(base) + used;
    used += round_up(floats, 16);
    return at;
  };
  const Int matrices = recurrence_of(p.settings).matrices();
  s.width = round_up(p.head_dim, lanes);
  s.value_width = round_up(p.value_dim, lanes);
  s.matrix = s.width * s.value_width;
  s.state_size = round_up(matrices * s.matrix + s.width, 16);
  s.k = take(kChunk * s.width);
  s.kt = take(kChunk * s.width);
  s.v = take(kChunk * s.value_width);
  s.q = take(kChunk * s.width);
  s.a = take(kChunk * kChunk);
  s.o = take(kChunk * s.value_width);
  s.scaled = take(kChunk * larger(s.width, s.value_width));
  s.state = take(s.state_size);
  if (backward) {
    s.vt = take(kChunk * s.value_width);
    s.g = take(kChunk * kChunk);
    s.dq = take(kChunk * s.width);
    s.dk = take(kChunk * s.width);
    s.dv = take(kChunk * s.value_width);
    s.dstate = take(s.state_size);
    s.dstate_t = take(matrices * s.matrix);
    s.kept = take(p.max_time / kChunk * s.state_size);
    s.starts = reinterpret_cast<int32_t*>(take(p.max_time));
  }
  return static_cast<size_t>(used) * sizeof(float);
}

/// The kernel compiled for one element type and instruction set.
struct ChunkKernel {
  int lanes;
  /// All query heads of one key/value head of sequence b; advances its state where there is one.
  void (*forward)(const AttentionProblem&, const AttentionRun&, const MomentumTables&, Int b,
                  Int kv, char* scratch);
  /// Adds the gradients of the keys and values of an owner of sequence b into the (zeroed) sums,
  /// and writes the dq of its query heads.
  void (*backward)(const AttentionProblem&, const AttentionRun&, const MomentumTables&, Int b,
                   Int owner, const OwnerSums&, char* scratch);
  /// Writes the sums of an owner of sequence b to the gradients.
  void (*write)(const AttentionProblem&, const AttentionRun&, Int b, Int owner, const OwnerSums&);
};

}  // namespace weft
