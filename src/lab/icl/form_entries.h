// The functions of a kernel table for every form, out of a function that runs the full form: what
// kernel_gram_simd.cc and kernel_literal_simd.cc share. *_simd.cc files only.
#pragma once

#include "lab/icl/expand.h"
#include "lab/icl/kernel_forms.h"

namespace weft::WEFT_ISA {

using icl::DataCall;
using icl::JetCall;
using icl::KernelForm;
using icl::KernelScore;
using icl::PackCall;
using icl::PackKernel;
using icl::TangentCall;

template <class T>
WEFT_INLINE auto pass_of(const PackCall<T>& c) {
  using V = typename VectorOf<T>::type;
  return Pass<V>{
      .theta = c.theta, .prompts = c.prompts, .residual = c.residual, .gradient = c.gradient};
}
WEFT_INLINE Pass<Dual<Vec64>> pass_of(const TangentCall& c) {
  return {.theta = c.call.theta,
          .direction = c.direction,
          .prompts = c.call.prompts,
          .residual = c.call.residual,
          .gradient = c.call.gradient,
          .curvature = c.curvature};
}
WEFT_INLINE Pass<Jet<Vec64>> pass_of(const JetCall& c) {
  return {.theta = c.theta,
          .direction = c.direction,
          .prompts = c.prompts,
          .residual = c.residual,
          .first = c.first,
          .second = c.second};
}
WEFT_INLINE Pass<Vec64> pass_of(const DataCall& c) {
  return {.theta = c.theta, .prompts = c.prompts, .residual = c.residual, .data = c.gradient};
}

/// A kernel of form kForm. Full: `template <class V> static void run(const KernelShape&,
/// const Pass<V>&, scratch)`, a pass that is not cut into vectors yet, and `entries(shape)`.
template <KernelForm kForm, class Full>
struct FormEntries {
  template <class V>
  static void run(const KernelShape& s, const Pass<V>& pass, ScalarOf<V>* scratch) noexcept {
    if constexpr (kForm == KernelForm::full) {
      Full::run(s, pass, scratch);
    } else {
      expanded<V>(kForm, s, pass, scratch, &Full::template run<V>);
    }
  }
  static void run_f32(const KernelShape& s, const PackCall<float>& c) noexcept {
    run(s, pass_of(c), c.scratch);
  }
  static void run_f64(const KernelShape& s, const PackCall<double>& c) noexcept {
    run(s, pass_of(c), c.scratch);
  }
  static void tangent(const KernelShape& s, const TangentCall& c) noexcept {
    run(s, pass_of(c), c.call.scratch);
  }
  static int64_t scratch(const KernelShape& s) {
    return Full::entries(s) + (kForm == KernelForm::full ? 0 : expansion_entries(full_size(s)));
  }
  static void jet(const KernelShape& s, const JetCall& c) noexcept {
    run(s, pass_of(c), c.scratch);
  }
  static void data(const KernelShape& s, const DataCall& c) noexcept {
    run(s, pass_of(c), c.scratch);
  }
  static constexpr PackKernel kernel = {run_f32, run_f64, tangent, scratch, jet, data};
};

template <class Full>
const PackKernel& kernel_of(KernelForm form) noexcept {
  switch (form) {
    case KernelForm::block:
      return FormEntries<KernelForm::block, Full>::kernel;
    case KernelForm::sparse:
      return FormEntries<KernelForm::sparse, Full>::kernel;
    case KernelForm::gdpp:
      return FormEntries<KernelForm::gdpp, Full>::kernel;
    case KernelForm::diag4:
      return FormEntries<KernelForm::diag4, Full>::kernel;
    case KernelForm::full:
      break;
  }
  return FormEntries<KernelForm::full, Full>::kernel;
}

}  // namespace weft::WEFT_ISA
