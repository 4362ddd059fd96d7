#include "ops/add/add.h"

#include "ops/add/add_kernel.h"
#include "ops/row_op.h"
#include "ops/test_support/check_op.h"

namespace weft {
namespace {

#define WEFT_ENTRY(isa) {{#isa, Isa::isa, {DType::f32, DType::bf16}}, isa::add_simd},
const Kernel<RowFunctionsOf<AddArgs>> kKernels[] = {WEFT_FOR_EACH_ISA(WEFT_ENTRY){
    {"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}}, add_ref}};
#undef WEFT_ENTRY

class Add final : public Op {
 public:
  std::string_view name() const override { return "add"; }

  OpPlan plan(std::span<const TensorDesc> in, const PlanContext& context) override {
    expect_inputs(name(), in, 2);
    expect_same(name(), "a and b", in[0], in[1]);
    OpPlan p;
    const auto& kernel =
        choose<RowFunctionsOf<AddArgs>>(name(), kKernels, in[0].dtype, context.runtime, p.refused);
    functions_ = kernel.functions(in[0].dtype);
    width_ = in[0].shape[1];
    p.kernel = kernel.tag.name;
    p.outputs = {in[0]};
    p.in_place = 0;
    const auto n = static_cast<double>(in[0].numel());
    const auto bytes = static_cast<double>(in[0].bytes());
    p.forward = {n, 3 * bytes};
    p.backward = {0, 3 * bytes};
    return p;
  }

  void forward(const Frame& f) const noexcept override {
    const AddArgs args{width_, f.in[0], f.in[1], f.out[0], nullptr, {}, {}};
    for_row_chunks(
        f.runtime, f.run.rows(), rows_per_task(width_),
        [&](int64_t first, int64_t last, int64_t) { functions_.forward(args, first, last); });
  }

  void backward(const Frame& f) const noexcept override {
    const AddArgs args{width_,
                       nullptr,
                       nullptr,
                       nullptr,
                       f.d_out[0],
                       {f.d_in[0], f.d_in[1]},
                       {f.add[0] != 0, f.add[1] != 0}};
    for_row_chunks(
        f.runtime, f.run.rows(), rows_per_task(width_),
        [&](int64_t first, int64_t last, int64_t) { functions_.backward(args, first, last); });
  }

 private:
  int64_t width_ = 0;
  RowFunctions<AddArgs> functions_{};
};

}  // namespace

std::unique_ptr<Op> make_add() {
  return std::make_unique<Add>();
}

std::vector<KernelTag> add_tags() {
  return tags_of(kKernels);
}

std::vector<KernelRow> check_add(const Runtime& runtime) {
  const auto cases = test::width_cases([](int64_t rows, int64_t width) -> test::CheckCase {
    return {{}, [] { return make_add(); }, {{{rows, width}}, {{rows, width}}}, {}, {}};
  });
  return test::check_op("add", add_tags(), runtime, cases);
}

}  // namespace weft
