// Sparse and gdpp as cases of the block form, by its Gram kernel.
#include "lab/icl/form_entries.h"

namespace weft::WEFT_ISA {

const PackKernel& icl_block_kernel(int64_t d) noexcept;  // kernel_block_simd.cc

namespace {

struct Block {
  static constexpr Wider kWider = Wider::block;
  template <class V>
  static void run(const KernelShape& s, const Pass<V>& p, ScalarOf<V>* scratch) noexcept {
    const PackKernel& kernel = icl_block_kernel(s.d);
    const PackCall<ScalarOf<V>> call = {p.theta, p.prompts, p.residual, p.gradient, scratch};
    if constexpr (kOrder<V> == 1) {
      kernel.tangent(s, {call, p.direction, p.curvature});
    } else if constexpr (sizeof(ScalarOf<V>) == sizeof(float)) {
      kernel.run_f32(s, call);
    } else {
      kernel.run_f64(s, call);
    }
  }
  static int64_t entries(const KernelShape& s) { return icl_block_kernel(s.d).scratch(s); }
};

template <KernelForm kForm>
constexpr PackKernel kNarrow = {
    FormEntries<kForm, Block>::run_f32, FormEntries<kForm, Block>::run_f64,
    FormEntries<kForm, Block>::tangent, FormEntries<kForm, Block>::scratch};

}  // namespace

const PackKernel& icl_narrow_block_kernel(KernelForm form) noexcept {
  return form == KernelForm::sparse ? kNarrow<KernelForm::sparse> : kNarrow<KernelForm::gdpp>;
}

}  // namespace weft::WEFT_ISA
