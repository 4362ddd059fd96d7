#include "attention/mechanisms/formula.h"

#include <type_traits>

#include "attention/reference.h"

namespace weft {
namespace {

class Formula {
 public:
  explicit Formula(const TileKernel* kernel)
      : formula_(static_cast<const FormulaKernel*>(kernel)->formula) {}

  template <class C>
  C weights(const MechanismSettings& s, const C* z, int64_t n, C* w) const {
    functions<C>().weights(s.numbers, z, n, w);
    return 0;
  }
  template <class C>
  void gradient(const MechanismSettings& s, const C* z, const C* w, int64_t n, const C* g, C,
                C* dz) const {
    functions<C>().gradient(s.numbers, z, w, n, g, dz);
  }

 private:
  template <class C>
  const RowFormula::Functions<C>& functions() const {
    if constexpr (std::is_same_v<C, double>) {
      return formula_.f64;
    } else {
      return formula_.f32;
    }
  }

  const RowFormula& formula_;
};

template <class T>
AttentionKernel kernel_of(const FormulaKernel& formula) {
  using R = Reference<Formula, T>;
  return {R::forward_scratch, R::backward_scratch, R::forward, R::backward, &formula};
}

}  // namespace

Kernel<AttentionKernelOf> formula_kernel(const FormulaKernel& formula) {
  return {{"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}}, [&formula](DType type) {
            return type == DType::f64   ? kernel_of<double>(formula)
                   : type == DType::f32 ? kernel_of<float>(formula)
                                        : kernel_of<bf16>(formula);
          }};
}

}  // namespace weft
