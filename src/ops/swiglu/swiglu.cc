#include "ops/swiglu/swiglu.h"

#include "ops/row_op.h"
#include "ops/swiglu/swiglu_kernel.h"
#include "ops/test_support/check_op.h"

namespace weft {
namespace {

#define WEFT_ENTRY(isa) {{#isa, Isa::isa, {DType::f32, DType::bf16}}, isa::swiglu_simd},
const Kernel<RowFunctionsOf<SwigluArgs>> kKernels[] = {WEFT_FOR_EACH_ISA(WEFT_ENTRY){
    {"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}}, swiglu_ref}};
#undef WEFT_ENTRY

class Swiglu final : public Op {
 public:
  std::string_view name() const override { return "swiglu"; }

  OpPlan plan(std::span<const TensorDesc> in, const PlanContext& context) override {
    expect_inputs(name(), in, 2);
    expect_same(name(), "gate and up", in[0], in[1]);
    OpPlan p;
    const auto& kernel = choose<RowFunctionsOf<SwigluArgs>>(name(), kKernels, in[0].dtype,
                                                            context.runtime, p.refused);
    functions_ = kernel.functions(in[0].dtype);
    width_ = in[0].shape[1];
    p.kernel = kernel.tag.name;
    p.outputs = {in[0]};
    p.backward_reads_input = {true, true};
    const auto n = static_cast<double>(in[0].numel());
    const auto bytes = static_cast<double>(in[0].bytes());
    p.forward = {5 * n, 3 * bytes};
    p.backward = {11 * n, 5 * bytes};
    return p;
  }

  void forward(const Frame& f) const noexcept override {
    const SwigluArgs args{width_,  f.in[0], f.in[1], f.out[0], nullptr,
                          nullptr, nullptr, false,   false};
    for_row_chunks(
        f.runtime, f.run.rows(), rows_per_task(width_),
        [&](int64_t first, int64_t last, int64_t) { functions_.forward(args, first, last); });
  }

  void backward(const Frame& f) const noexcept override {
    const SwigluArgs args{width_,    f.in[0],   f.in[1],       nullptr,      f.d_out[0],
                          f.d_in[0], f.d_in[1], f.add[0] != 0, f.add[1] != 0};
    for_row_chunks(
        f.runtime, f.run.rows(), rows_per_task(width_),
        [&](int64_t first, int64_t last, int64_t) { functions_.backward(args, first, last); });
  }

 private:
  int64_t width_ = 0;
  RowFunctions<SwigluArgs> functions_{};
};

}  // namespace

std::unique_ptr<Op> make_swiglu() {
  return std::make_unique<Swiglu>();
}

std::vector<KernelTag> swiglu_tags() {
  return tags_of(kKernels);
}

std::vector<KernelRow> check_swiglu(const Runtime& runtime) {
  const auto cases = test::width_cases([](int64_t rows, int64_t width) -> test::CheckCase {
    const test::InputSpec gate{{rows, width}, test::Role::activation, 3}, up{{rows, width}};
    return {{}, [] { return make_swiglu(); }, {gate, up}, {}, {}};
  });
  return test::check_op("swiglu", swiglu_tags(), runtime, cases);
}

}  // namespace weft
