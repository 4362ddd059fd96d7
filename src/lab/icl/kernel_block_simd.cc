// The block form (gram_block.h) for floats, doubles and doubles with a tangent; sizes in frequent
// use compiled in.
#include "lab/icl/gram_block.h"

namespace weft::WEFT_ISA {
namespace {

template <class V, int D>
void run_block(const icl::KernelShape& shape, const icl::PackCall<ScalarOf<V>>& call) noexcept {
  for (int64_t lane = 0; lane < icl::kPack; lane += kWidth<V>) {
    const PackLanes<V> lanes{call, lane};
    GramBlock<V, D, PackLanes<V>>(shape, lanes).run();
  }
}

void run_tangent(const icl::KernelShape& shape, const icl::TangentCall& call) noexcept {
  using V = Dual<Vec64>;
  for (int64_t lane = 0; lane < icl::kPack; lane += kWidth<V>) {
    const TangentLanes lanes{call, lane};
    if (shape.d == 5) {
      GramBlock<V, 5, TangentLanes>(shape, lanes).run();
    } else {
      GramBlock<V, 0, TangentLanes>(shape, lanes).run();
    }
  }
}

int64_t scratch_entries(const icl::KernelShape& shape) {
  return gram_block_entries(shape.d, shape.layers);
}

template <int D>
constexpr icl::PackKernel kBlock = {run_block<Vec, D>, run_block<Vec64, D>, run_tangent,
                                    scratch_entries};

}  // namespace

/// The kernel of a size that is compiled in, or the one that takes any.
const icl::PackKernel& icl_block_kernel(int64_t size) noexcept {
  switch (size) {
    case 5:
      return kBlock<5>;
#ifndef WEFT_SANITIZED
    case 3:
      return kBlock<3>;
    case 8:
      return kBlock<8>;
    case 10:
      return kBlock<10>;
    case 20:
      return kBlock<20>;
#endif
    default:
      return kBlock<0>;
  }
}

}  // namespace weft::WEFT_ISA
