#include "ops/head_norm/head_norm.h"

#include "ops/head_norm/head_norm_kernel.h"
#include "ops/row_op.h"
#include "ops/test_support/check_op.h"

namespace weft {
namespace {

#define WEFT_ENTRY(isa) {{#isa, Isa::isa, {DType::f32, DType::bf16}}, isa::head_norm_simd},
const Kernel<RowFunctionsOf<HeadNormArgs>> kKernels[] = {WEFT_FOR_EACH_ISA(WEFT_ENTRY){
    {"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}}, head_norm_ref}};
#undef WEFT_ENTRY

class HeadNorm final : public Op {
 public:
  HeadNorm(int64_t heads, int64_t head_dim, double eps)
      : heads_(heads), head_dim_(head_dim), eps_(eps) {}
  std::string_view name() const override { return "head_norm"; }

  OpPlan plan(std::span<const TensorDesc> in, const PlanContext& context) override {
    expect_inputs(name(), in, 3);
    OpPlan p;
    const DType type = in[0].dtype;
    const auto& kernel =
        choose<RowFunctionsOf<HeadNormArgs>>(name(), kKernels, type, context.runtime, p.refused);
    expect_matrix(name(), "x", in[0], type, width());
    expect_parameter(name(), "gamma", in[1], type, {width()});
    expect_parameter(name(), "beta", in[2], type, {width()});
    parameter_ = parameter_type(type);
    functions_ = kernel.functions(type);
    part_ = rows_per_part(context.rows());
    p.kernel = kernel.tag.name;
    p.outputs = {in[0]};
    p.saved = {{parameter_, {context.rows(), heads_}}};
    p.backward_reads_input = {true, true, false};
    p.backward_scratch =
        static_cast<size_t>(parts_of(context.rows(), part_) * 2 * width()) * size_of(parameter_);
    const auto n = static_cast<double>(in[0].numel());
    const auto bytes = static_cast<double>(in[0].bytes());
    p.forward = {7 * n, 2 * bytes};
    p.backward = {13 * n, 3 * bytes};
    return p;
  }

  void forward(const Frame& f) const noexcept override {
    HeadNormArgs args = arguments(f);
    args.beta = f.in[2];
    args.y = f.out[0];
    for_row_chunks(
        f.runtime, f.run.rows(), rows_per_task(width()),
        [&](int64_t first, int64_t last, int64_t) { functions_.forward(args, first, last); });
  }

  void backward(const Frame& f) const noexcept override {
    HeadNormArgs shared = arguments(f);
    shared.dy = f.d_out[0];
    shared.dx = f.d_in[0];
    shared.add_dx = f.add[0] != 0;
    const int64_t rows = f.run.rows(), parts = parts_of(rows, part_);
    for_row_chunks(f.runtime, rows, part_, [&](int64_t first, int64_t last, int64_t part) {
      HeadNormArgs args = shared;
      args.d_parameters = at(f.scratch, parameter_, part * 2 * width());
      functions_.backward(args, first, last);
    });
    for (const size_t i : {1, 2}) {
      if (f.d_in[i] == nullptr) continue;
      const void* sums = at(f.scratch, parameter_, static_cast<int64_t>(i - 1) * width());
      sum_parts(f.runtime, parameter_, sums, parts, 2 * width(), width(), f.d_in[i], f.add[i] != 0);
    }
  }

 private:
  int64_t width() const { return heads_ * head_dim_; }
  HeadNormArgs arguments(const Frame& f) const {
    HeadNormArgs args{};
    args.heads = heads_;
    args.head_dim = head_dim_;
    args.eps = eps_;
    args.x = f.in[0];
    args.gamma = f.in[1];
    args.rho = f.saved[0];
    return args;
  }

  int64_t heads_, head_dim_;
  double eps_;
  DType parameter_ = DType::f32;
  int64_t part_ = 1;  ///< rows of one partial sum of the parameters' gradients
  RowFunctions<HeadNormArgs> functions_{};
};

}  // namespace

std::unique_ptr<Op> make_head_norm(int64_t heads, int64_t head_dim, double eps) {
  if (heads < 1 || head_dim < 1) {
    fail(ErrorCode::config, {"head_norm", "heads and head_dim > 0",
                             std::to_string(heads) + " and " + std::to_string(head_dim), ""});
  }
  if (!(eps > 0)) fail(ErrorCode::config, {"head_norm", "eps > 0", std::to_string(eps), ""});
  return std::make_unique<HeadNorm>(heads, head_dim, eps);
}

std::vector<KernelTag> head_norm_tags() {
  return tags_of(kKernels);
}

std::vector<KernelRow> check_head_norm(const Runtime& runtime) {
  const auto cases = test::width_cases([](int64_t rows, int64_t head_dim) -> test::CheckCase {
    const int64_t heads = head_dim % 2 == 1 ? 3 : 2, width = heads * head_dim;
    const test::InputSpec x{{rows, width}, test::Role::activation, 1, 0.5},
        gamma{{width}, test::Role::parameter, 0.3, 1}, beta{{width}, test::Role::parameter};
    return {{}, [=] { return make_head_norm(heads, head_dim); }, {x, gamma, beta}, {}, {}};
  });
  return test::check_op("head_norm", head_norm_tags(), runtime, cases);
}

}  // namespace weft
