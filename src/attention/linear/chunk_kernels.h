// The chunk kernels of linear attention, in f32 and bf16. linear_mechanism.cc only.
#pragma once

#include "attention/linear/backward.h"
#include "attention/linear/forward.h"
#include "attention/tile_backward.h"

namespace weft::WEFT_ISA {

template <class T>
struct LinearFunctions {
  static void forward(const AttentionProblem& p, const AttentionRun& run,
                      const MomentumTables& tables, Int b, Int kv, char* memory) {
    LinearScratch s{};
    carve(s, p, kLanes, false, memory);
    LinearForward<T>(p, run, tables, b, kv, s)();
  }
  static void backward(const AttentionProblem& p, const AttentionRun& run,
                       const MomentumTables& tables, Int b, Int owner, const OwnerSums& sums,
                       char* memory) {
    LinearScratch s{};
    carve(s, p, kLanes, true, memory);
    for (Int n = p.owner_begin[owner]; n < p.owner_begin[owner + 1]; ++n) {
      LinearBackward<T>(p, run, tables, b, p.owner_heads[n], sums, s)();
    }
  }
  static void write(const AttentionProblem& p, const AttentionRun& run, Int b, Int owner,
                    const OwnerSums& sums) {
    write_rows<T>(p, run, b, owner, p.k, p.k_slot, p.head_dim, round_up(p.head_dim, kLanes),
                  sums.dk, 1, 0, 0, run.time);
    write_rows<T>(p, run, b, owner, p.v, p.v_slot, p.value_dim, round_up(p.value_dim, kLanes),
                  sums.dv, 1, 0, 0, run.time);
  }
  static constexpr ChunkKernel kKernel = {kLanes, forward, backward, write};
};

const ChunkKernel& linear_chunks(DType type);
const ChunkKernel& linear_chunks(DType type) {
  return type == DType::bf16 ? LinearFunctions<bf16>::kKernel : LinearFunctions<float>::kKernel;
}

}  // namespace weft::WEFT_ISA
