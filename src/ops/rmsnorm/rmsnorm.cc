#include "ops/rmsnorm/rmsnorm.h"

#include "ops/rmsnorm/rmsnorm_kernel.h"
#include "ops/row_op.h"
#include "ops/test_support/check_op.h"

namespace weft {
namespace {

#define WEFT_ENTRY(isa) {{#isa, Isa::isa, {DType::f32, DType::bf16}}, isa::rmsnorm_simd},
const Kernel<RowFunctionsOf<RmsnormArgs>> kKernels[] = {WEFT_FOR_EACH_ISA(WEFT_ENTRY){
    {"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}}, rmsnorm_ref}};
#undef WEFT_ENTRY

class Rmsnorm final : public Op {
 public:
  Rmsnorm(int64_t dim, double eps) : dim_(dim), eps_(eps) {}
  std::string_view name() const override { return "rmsnorm"; }

  OpPlan plan(std::span<const TensorDesc> in, const PlanContext& context) override {
    expect_inputs(name(), in, 2);
    OpPlan p;
    const auto& kernel = choose<RowFunctionsOf<RmsnormArgs>>(name(), kKernels, in[0].dtype,
                                                             context.runtime, p.refused);
    type_ = in[0].dtype;
    parameter_ = parameter_type(type_);
    expect_matrix(name(), "x", in[0], type_, dim_);
    expect_parameter(name(), "gain", in[1], type_, {dim_});
    functions_ = kernel.functions(type_);
    part_ = rows_per_part(context.rows());
    p.kernel = kernel.tag.name;
    p.outputs = {in[0]};
    p.saved = {{parameter_, {context.rows(), 1}}};
    p.backward_reads_input = {true, true};
    p.backward_scratch =
        static_cast<size_t>(parts_of(context.rows(), part_) * dim_) * size_of(parameter_);
    const auto n = static_cast<double>(context.rows() * dim_);
    const auto bytes = static_cast<double>(size_of(type_));
    p.forward = {4 * n, 2 * n * bytes};
    p.backward = {9 * n, 3 * n * bytes};
    return p;
  }

  void forward(const Frame& f) const noexcept override {
    const RmsnormArgs args{dim_,       eps_,    f.in[0], f.in[1], f.out[0],
                           f.saved[0], nullptr, nullptr, false,   nullptr};
    for_row_chunks(
        f.runtime, f.run.rows(), rows_per_task(dim_),
        [&](int64_t first, int64_t last, int64_t) { functions_.forward(args, first, last); });
  }

  void backward(const Frame& f) const noexcept override {
    const RmsnormArgs shared{dim_,       eps_,       f.in[0],   f.in[1],       nullptr,
                             f.saved[0], f.d_out[0], f.d_in[0], f.add[0] != 0, nullptr};
    const int64_t rows = f.run.rows();
    for_row_chunks(f.runtime, rows, part_, [&](int64_t first, int64_t last, int64_t part) {
      RmsnormArgs args = shared;
      if (f.d_in[1] != nullptr) args.d_gain = at(f.scratch, parameter_, part * dim_);
      functions_.backward(args, first, last);
    });
    if (f.d_in[1] != nullptr) {
      sum_parts(f.runtime, parameter_, f.scratch, parts_of(rows, part_), dim_, dim_, f.d_in[1],
                f.add[1] != 0);
    }
  }

 private:
  int64_t dim_;
  double eps_;
  DType type_ = DType::f32, parameter_ = DType::f32;
  int64_t part_ = 1;  ///< rows of one partial sum of the gain's gradient
  RowFunctions<RmsnormArgs> functions_{};
};

}  // namespace

std::unique_ptr<Op> make_rmsnorm(int64_t dim, double eps) {
  if (dim < 1) fail(ErrorCode::config, {"rmsnorm", "dim > 0", std::to_string(dim), ""});
  if (!(eps > 0)) fail(ErrorCode::config, {"rmsnorm", "eps > 0", std::to_string(eps), ""});
  return std::make_unique<Rmsnorm>(dim, eps);
}

std::vector<KernelTag> rmsnorm_tags() {
  return tags_of(kKernels);
}

std::vector<KernelRow> check_rmsnorm(const Runtime& runtime) {
  const auto cases = test::width_cases([](int64_t rows, int64_t dim) -> test::CheckCase {
    const test::InputSpec gain{{dim}, test::Role::parameter, 0.3, 1};
    return {{}, [dim] { return make_rmsnorm(dim); }, {{{rows, dim}}, gain}, {}, {}};
  });
  return test::check_op("rmsnorm", rmsnorm_tags(), runtime, cases);
}

}  // namespace weft
