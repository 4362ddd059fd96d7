// The tiles of a streaming mechanism, in f32 and bf16. A *_mechanism.cc file says, in the part that
// is compiled for an instruction set,
//
//   WEFT_TILES(Softmax)
//
// where weft::Softmax is the formula and weft::WEFT_ISA::SoftmaxTile<T, NV> the policy of the tiles
// for tensors of T; streaming_kernels<Softmax>() (mechanisms/kernels.h) lists them.
#pragma once

#include "attention/tile_backward.h"
#include "attention/tile_decode.h"

namespace weft::WEFT_ISA {

template <template <class, int> class Mechanism, class T>
struct TileFunctions {
  using One = Mechanism<T, 1>;
  using Full = Mechanism<T, kVectors>;

  static void forward(const AttentionProblem& p, const AttentionRun& run, const TileTable& t,
                      Int task, char* memory) {
    TileScratch s{};
    carve(s, p, kShape<T>, false, memory);
    if (decodes(run, t)) return decode_tile<One, T>(p, run, t, task, s);
    t.vectors == 1 ? forward_tile<One, T, 1>(p, run, t, task, s)
                   : forward_tile<Full, T, kVectors>(p, run, t, task, s);
  }
  static void weigh(const AttentionProblem& p, const AttentionRun& run, const TileTable& t,
                    Int task, Int from, Int to, float* parts, char* memory) {
    TileScratch s{};
    carve(s, p, kShape<T>, false, memory);
    const Decode<One, T> decode(p, run, t, task, s);
    decode.weigh(from, smaller(to, decode.blocks()), parts);
  }
  static bool join(const AttentionProblem& p, const AttentionRun& run, const TileTable& t, Int task,
                   Int count, const float* parts, char* memory) {
    TileScratch s{};
    carve(s, p, kShape<T>, false, memory);
    Decode<One, T> decode(p, run, t, task, s);
    const Int part = p.sets * decode_part(p, kShape<T>), blocks = decode.blocks();
    Int n = 0;
    for (; n < smaller(count, blocks) && !decode.spent(); ++n) decode.join(parts + n * part);
    if (n < blocks && !decode.spent()) return false;
    decode.finish();
    return true;
  }
  static void backward(const AttentionProblem& p, const AttentionRun& run, const TileTable& t,
                       Int b, Int owner, Int part, const OwnerSums& sums, char* memory) {
    TileScratch s{};
    carve(s, p, kShape<T>, true, memory);
    t.vectors == 1 ? backward_owner<One, T, 1>(p, run, t, b, owner, part, sums, s)
                   : backward_owner<Full, T, kVectors>(p, run, t, b, owner, part, sums, s);
  }
  static void write(const AttentionProblem& p, const AttentionRun& run, Int b, Int owner,
                    const OwnerSums& sums, Int parts, Int stride, Int begin, Int end) {
    write_rows<T>(p, run, b, owner, p.k, p.k_slot, p.head_dim, padded(p.head_dim, kShape<T>),
                  sums.dk, parts, stride, begin, end);
    write_rows<T>(p, run, b, owner, p.v, p.v_slot, p.value_dim, padded(p.value_dim, kShape<T>),
                  sums.dv, parts, stride, begin, end);
  }
  static constexpr TileKernel kKernel = {kShape<T>, One::kTwoWalks, forward, weigh,
                                         join,      backward,       write};
};

/// The tile policy of a mechanism on this instruction set.
template <class M>
struct TilePolicy;

template <class M>
const TileKernel* tiles_of([[maybe_unused]] DType type) {
#ifndef WEFT_ISA_avx512bf16  // f32 has nothing to gain from a dot product of bf16
  if (type == DType::f32) return &TileFunctions<TilePolicy<M>::template Rows, float>::kKernel;
#endif
  return &TileFunctions<TilePolicy<M>::template Rows, bf16>::kKernel;
}

}  // namespace weft::WEFT_ISA

#define WEFT_TILES(M)                            \
  namespace weft::WEFT_ISA {                     \
  template <>                                    \
  struct TilePolicy<M> {                         \
    template <class T, int NV>                   \
    using Rows = M##Tile<T, NV>;                 \
  };                                             \
  template const TileKernel* tiles_of<M>(DType); \
  }
