// Literal kernels of all forms and scores; d = 5, the papers' size, compiled in.
#include "lab/icl/form_entries.h"
#include "lab/icl/literal_kernel.h"

namespace weft::WEFT_ISA {
namespace {

template <int kD, KernelScore kScore>
struct Literal {
  static constexpr Wider kWider = Wider::full;
  template <class V>
  static void run(const KernelShape& s, const Pass<V>& all, ScalarOf<V>* scratch) noexcept {
    each_vector(all, scratch, [&](const Pass<V>& pass) { literal_pass<kD>(s, kScore, pass); });
  }
  static int64_t entries(const KernelShape& s) { return LiteralBuffers<Vec>::scratch(s); }
};

template <int kD>
const PackKernel& literal_of(KernelForm form, KernelScore score) noexcept {
  switch (score) {
    case KernelScore::softmax:
      return kernel_of<Literal<kD, KernelScore::softmax>>(form);
    case KernelScore::relu:
      return kernel_of<Literal<kD, KernelScore::relu>>(form);
    case KernelScore::linear:
      break;
  }
  return kernel_of<Literal<kD, KernelScore::linear>>(form);
}

}  // namespace

const PackKernel& icl_literal_kernel(KernelForm form, KernelScore score, int64_t d) noexcept {
  return d == 5 ? literal_of<6>(form, score) : literal_of<0>(form, score);
}

}  // namespace weft::WEFT_ISA
