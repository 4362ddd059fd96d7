// The tiles of a streaming mechanism, in f32 and bf16. A *_mechanism.cc file says, in the part that
// is compiled for an instruction set,
//
//   WEFT_TILES(Softmax)
//
// where weft::Softmax is the formula and weft::WEFT_ISA::SoftmaxTile<NV> the policy of the tiles;
// streaming_kernels<Softmax>() (mechanisms/kernels.h) lists them.
#pragma once

#include "attention/tile_backward.h"
#include "attention/tile_forward.h"

namespace weft::WEFT_ISA {

template <template <int> class Mechanism, class T>
struct TileFunctions {
  static void forward(const AttentionProblem& p, const AttentionRun& run, const TileTable& t,
                      Int task, char* memory) {
    TileScratch s{};
    carve(s, p, kLanes, false, memory);
    t.vectors == 1 ? forward_tile<Mechanism, T, 1>(p, run, t, task, s)
                   : forward_tile<Mechanism, T, kVectors>(p, run, t, task, s);
  }
  static void backward(const AttentionProblem& p, const AttentionRun& run, const TileTable& t,
                       Int b, Int owner, Int part, const OwnerSums& sums, char* memory) {
    TileScratch s{};
    carve(s, p, kLanes, true, memory);
    t.vectors == 1 ? backward_owner<Mechanism, T, 1>(p, run, t, b, owner, part, sums, s)
                   : backward_owner<Mechanism, T, kVectors>(p, run, t, b, owner, part, sums, s);
  }
  static void write(const AttentionProblem& p, const AttentionRun& run, Int b, Int owner,
                    const OwnerSums& sums, Int parts, Int stride, Int begin, Int end) {
    write_rows<T>(p, run, b, owner, p.k, p.k_slot, p.head_dim, sums.dk, parts, stride, begin, end);
    write_rows<T>(p, run, b, owner, p.v, p.v_slot, p.value_dim, sums.dv, parts, stride, begin, end);
  }
  static constexpr TileKernel kKernel = {kLanes, forward, backward, write};
};

/// The tile policy of a mechanism on this instruction set.
template <class M>
struct TilePolicy;

template <class M>
const TileKernel* tiles_of(DType type) {
  return type == DType::bf16 ? &TileFunctions<TilePolicy<M>::template Rows, bf16>::kKernel
                             : &TileFunctions<TilePolicy<M>::template Rows, float>::kKernel;
}

}  // namespace weft::WEFT_ISA

#define WEFT_TILES(M)                            \
  namespace weft::WEFT_ISA {                     \
  template <>                                    \
  struct TilePolicy<M> {                         \
    template <int NV>                            \
    using Rows = M##Tile<NV>;                    \
  };                                             \
  template const TileKernel* tiles_of<M>(DType); \
  }
