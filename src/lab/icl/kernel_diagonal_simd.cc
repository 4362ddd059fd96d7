// The diagonal form by its own Gram kernel; d = 5 compiled in.
#include "lab/icl/diagonal_kernel.h"
#include "lab/icl/form_entries.h"

namespace weft::WEFT_ISA {
namespace {

template <int kD>
struct DiagonalGram {
  template <class V>
  static void run(const KernelShape& s, const Pass<V>& all, ScalarOf<V>* scratch) noexcept {
    each_vector(all, scratch, [&](const Pass<V>& pass) { diagonal_pass<kD>(s, pass); });
  }
  static int64_t entries(const KernelShape& s) { return GramBuffers<Vec>::scratch(s); }
};

}  // namespace

const PackKernel& icl_diagonal_kernel(int64_t d) noexcept {
  // The form's own parameters: nothing is copied into a wider one.
  return d == 5 ? kFormKernel<KernelForm::full, DiagonalGram<6>>
                : kFormKernel<KernelForm::full, DiagonalGram<0>>;
}

}  // namespace weft::WEFT_ISA
