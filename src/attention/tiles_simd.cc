// The tile kernels of every streaming mechanism, in f32 and bf16.
#include "attention/mechanisms/streaming.h"
#include "attention/tile_backward.h"
#include "attention/tile_forward.h"

namespace weft::WEFT_ISA {
namespace {

template <template <int> class Mechanism, class T>
struct Kernels {
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

}  // namespace

#define WEFT_TILES(M)                                               \
  const TileKernel* tiles_of(const M*, DType type);                 \
  const TileKernel* tiles_of(const M*, DType type) {                \
    return type == DType::bf16 ? &Kernels<M##Tile, bf16>::kKernel   \
                               : &Kernels<M##Tile, float>::kKernel; \
  }
WEFT_FOR_EACH_STREAMING(WEFT_TILES)
#undef WEFT_TILES

}  // namespace weft::WEFT_ISA
