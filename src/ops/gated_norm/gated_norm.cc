#include "ops/gated_norm/gated_norm.h"

#include "ops/gated_norm/gated_norm_kernel.h"
#include "ops/row_op.h"
#include "ops/test_support/check_op.h"

namespace weft {
namespace {

#define WEFT_ENTRY(isa) {{#isa, Isa::isa, {DType::f32, DType::bf16}}, isa::gated_norm_simd},
const Kernel<RowFunctionsOf<GatedNormArgs>> kKernels[] = {WEFT_FOR_EACH_ISA(WEFT_ENTRY){
    {"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}}, gated_norm_ref}};
#undef WEFT_ENTRY

class GatedNorm final : public Op {
 public:
  GatedNorm(int64_t width, double eps) : width_(width), eps_(eps) {}
  std::string_view name() const override { return "gated_norm"; }

  OpPlan plan(std::span<const TensorDesc> in, const PlanContext& context) override {
    expect_inputs(name(), in, 3);
    OpPlan p;
    const DType type = in[0].dtype;
    const auto& kernel =
        choose<RowFunctionsOf<GatedNormArgs>>(name(), kKernels, type, context.runtime, p.refused);
    expect_matrix(name(), "x", in[0], type, width_);
    expect_parameter(name(), "scale", in[1], type, {width_});
    expect_parameter(name(), "gate", in[2], type, {width_});
    parameter_ = parameter_type(type);
    functions_ = kernel.functions(type);
    part_ = rows_per_part(context.rows());
    p.kernel = kernel.tag.name;
    p.outputs = {in[0]};
    p.saved = {{parameter_, {context.rows(), 1}}};
    p.backward_reads_input = {true, true, true};
    p.backward_scratch =
        static_cast<size_t>(parts_of(context.rows(), part_) * 2 * width_) * size_of(parameter_);
    const auto n = static_cast<double>(in[0].numel());
    const auto bytes = static_cast<double>(in[0].bytes());
    p.forward = {8 * n, 2 * bytes};
    p.backward = {22 * n, 3 * bytes};
    return p;
  }

  void forward(const Frame& f) const noexcept override {
    GatedNormArgs args = arguments(f);
    args.y = f.out[0];
    for_row_chunks(
        f.runtime, f.run.rows(), rows_per_task(width_),
        [&](int64_t first, int64_t last, int64_t) { functions_.forward(args, first, last); });
  }

  void backward(const Frame& f) const noexcept override {
    GatedNormArgs shared = arguments(f);
    shared.dy = f.d_out[0];
    shared.dx = f.d_in[0];
    shared.add_dx = f.add[0] != 0;
    const int64_t rows = f.run.rows(), parts = parts_of(rows, part_);
    for_row_chunks(f.runtime, rows, part_, [&](int64_t first, int64_t last, int64_t part) {
      GatedNormArgs args = shared;
      args.d_parameters = at(f.scratch, parameter_, part * 2 * width_);
      functions_.backward(args, first, last);
    });
    for (const size_t i : {1, 2}) {
      if (f.d_in[i] == nullptr) continue;
      const void* sums = at(f.scratch, parameter_, static_cast<int64_t>(i - 1) * width_);
      sum_parts(f.runtime, parameter_, sums, parts, 2 * width_, width_, f.d_in[i], f.add[i] != 0);
    }
  }

 private:
  GatedNormArgs arguments(const Frame& f) const {
    GatedNormArgs args{};
    args.width = width_;
    args.eps = eps_;
    args.x = f.in[0];
    args.scale = f.in[1];
    args.gate = f.in[2];
    args.rho = f.saved[0];
    return args;
  }

  int64_t width_;
  double eps_;
  DType parameter_ = DType::f32;
  int64_t part_ = 1;  ///< rows of one partial sum of the parameters' gradients
  RowFunctions<GatedNormArgs> functions_{};
};

}  // namespace

std::unique_ptr<Op> make_gated_norm(int64_t width, double eps) {
  if (width < 1) {
    fail(ErrorCode::config, {"gated_norm", "width > 0", std::to_string(width), ""});
  }
  if (!(eps > 0)) fail(ErrorCode::config, {"gated_norm", "eps > 0", std::to_string(eps), ""});
  return std::make_unique<GatedNorm>(width, eps);
}

std::vector<KernelTag> gated_norm_tags() {
  return tags_of(kKernels);
}

std::vector<KernelRow> check_gated_norm(const Runtime& runtime) {
  const auto cases = test::width_cases([](int64_t rows, int64_t width) -> test::CheckCase {
    const test::InputSpec x{{rows, width}}, scale{{width}, test::Role::parameter, 0.3, 1},
        gate{{width}, test::Role::parameter};
    return {{}, [width] { return make_gated_norm(width); }, {x, scale, gate}, {}, {}};
  });
  return test::check_op("gated_norm", gated_norm_tags(), runtime, cases);
}

}  // namespace weft
