// Gram kernels of all forms; d = 5, the papers' size, compiled in.
#include "lab/icl/form_entries.h"
#include "lab/icl/gram_kernel.h"

namespace weft::WEFT_ISA {
namespace {

template <int kD>
struct Gram {
  static constexpr Wider kWider = Wider::full;
  template <class V>
  static void run(const KernelShape& s, const Pass<V>& all, ScalarOf<V>* scratch) noexcept {
    each_vector(all, scratch, [&](const Pass<V>& pass) { gram_pass<kD>(s, pass); });
  }
  static int64_t entries(const KernelShape& s) { return GramBuffers<Vec>::scratch(s); }
};

}  // namespace

const PackKernel& icl_gram_kernel(KernelForm form, int64_t d) noexcept {
  return d == 5 ? kernel_of<Gram<6>>(form) : kernel_of<Gram<0>>(form);
}

}  // namespace weft::WEFT_ISA
