#include "lab/icl/kernels.h"

#include "base/error.h"
#include "lab/icl/kernel_block.h"
#include "lab/icl/kernel_forms.h"

namespace weft::icl {
namespace {

KernelForm kernel_form(Form form) {
  switch (form) {
    case Form::block:
      return KernelForm::block;
    case Form::sparse:
      return KernelForm::sparse;
    case Form::gdpp:
      return KernelForm::gdpp;
    case Form::diag4:
      return KernelForm::diag4;
    case Form::full:
      break;
  }
  return KernelForm::full;
}

KernelScore kernel_score(Scores scores) {
  switch (scores) {
    case Scores::softmax:
      return KernelScore::softmax;
    case Scores::relu:
      return KernelScore::relu;
    case Scores::linear:
      break;
  }
  return KernelScore::linear;
}

// The functions that one instruction set offers.
struct Tables {
  const PackKernel& (*gram)(KernelForm, int64_t d) noexcept = nullptr;
  const PackKernel& (*literal)(KernelForm, KernelScore, int64_t d) noexcept = nullptr;
  const PackKernel& (*narrow_block)(KernelForm) noexcept = nullptr;
  const PackKernel& (*diagonal)(int64_t d) noexcept = nullptr;
};

Tables tables_of(Isa isa) {
  if (const std::string why = refusal(isa); !why.empty()) {
    fail(ErrorCode::usage, {.op = "linear attention",
                            .expected = "an instruction set of this machine",
                            .got = std::string(name_of(isa)),
                            .hint = why});
  }
#define WEFT_ENTRY(set)                                                                  \
  if (isa >= Isa::set) {                                                                 \
    return {set::icl_gram_kernel, set::icl_literal_kernel, set::icl_narrow_block_kernel, \
            set::icl_diagonal_kernel};                                                   \
  }
  WEFT_FOR_EACH_ISA(WEFT_ENTRY)
#undef WEFT_ENTRY
  return {};
}

}  // namespace

KernelShape kernel_shape(const ModelShape& shape, int64_t d, int64_t n) {
  return {.d = d,
          .n = n,
          .layers = shape.layers,
          .heads = shape.heads,
          .hidden = shape.hidden,
          .tied = shape.tied,
          .divide_softmax = shape.divide_softmax};
}

const PackKernel& wide_kernel_for(const ModelShape& shape, int64_t d, Isa isa) {
  const Tables tables = tables_of(isa);
  if (shape.path == Path::literal) {
    return tables.literal(kernel_form(shape.form), kernel_score(shape.scores), d);
  }
  if (shape.scores != Scores::linear) {
    fail(ErrorCode::config, {.op = "linear attention",
                             .expected = "path = literal with these scores",
                             .got = "path = gram",
                             .hint = "a Gram matrix holds linear scores only"});
  }
  return tables.gram(kernel_form(shape.form), d);
}

const PackKernel& kernel_for(const ModelShape& shape, int64_t d, Isa isa) {
  const bool plain = shape.scores == Scores::linear && shape.path == Path::gram;
  if (plain && shape.form == Form::diag4) return tables_of(isa).diagonal(d);
  if (!plain || shape.heads != 1 || shape.hidden > 0) return wide_kernel_for(shape, d, isa);
  if (shape.form == Form::block) return block_kernel(d, isa);
  if (shape.form == Form::sparse || shape.form == Form::gdpp) {
    return tables_of(isa).narrow_block(kernel_form(shape.form));
  }
  return wide_kernel_for(shape, d, isa);
}

}  // namespace weft::icl
