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

/// A kernel of form kForm (full: what Wide runs, as it is). Wide: `template <class V> static void
/// run(const KernelShape&, const Pass<V>&, scratch)`, a pass that is not cut into vectors yet,
/// `entries(shape)`, and which form it is, `kWider`.
template <KernelForm kForm, class Wide>
struct FormEntries {
  template <class V>
  static void run(const KernelShape& s, const Pass<V>& pass, ScalarOf<V>* scratch) noexcept {
    if constexpr (kForm == KernelForm::full) {
      Wide::run(s, pass, scratch);
    } else {
      expanded<Wide::kWider, V>(kForm, s, pass, scratch, &Wide::template run<V>);
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
    if constexpr (kForm == KernelForm::full) {
      return Wide::entries(s);
    } else {
      return Wide::entries(s) + expansion_entries(wide_size<Wide::kWider>(s));
    }
  }
  static void jet(const KernelShape& s, const JetCall& c) noexcept {
    run(s, pass_of(c), c.scratch);
  }
  static void data(const KernelShape& s, const DataCall& c) noexcept {
    run(s, pass_of(c), c.scratch);
  }
};

template <KernelForm kForm, class Wide>
constexpr PackKernel kFormKernel = {
    FormEntries<kForm, Wide>::run_f32, FormEntries<kForm, Wide>::run_f64,
    FormEntries<kForm, Wide>::tangent, FormEntries<kForm, Wide>::scratch,
    FormEntries<kForm, Wide>::jet,     FormEntries<kForm, Wide>::data};

template <class Wide>
const PackKernel& kernel_of(KernelForm form) noexcept {
  switch (form) {
    case KernelForm::block:
      return kFormKernel<KernelForm::block, Wide>;
    case KernelForm::sparse:
      return kFormKernel<KernelForm::sparse, Wide>;
    case KernelForm::gdpp:
      return kFormKernel<KernelForm::gdpp, Wide>;
    case KernelForm::diag4:
      return kFormKernel<KernelForm::diag4, Wide>;
    case KernelForm::full:
      break;
  }
  return kFormKernel<KernelForm::full, Wide>;
}

}  // namespace weft::WEFT_ISA
