#include "ops/gate/gate.h"

#include "ops/gate/gate_kernel.h"
#include "ops/row_op.h"
#include "ops/test_support/check_op.h"

namespace weft {
namespace {

#define WEFT_ENTRY(isa) {{#isa, Isa::isa, {DType::f32, DType::bf16}}, isa::gate_simd},
const Kernel<RowFunctionsOf<GateArgs>> kKernels[] = {WEFT_FOR_EACH_ISA(WEFT_ENTRY){
    {"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}}, gate_ref}};
#undef WEFT_ENTRY

class Gate final : public Op {
 public:
  explicit Gate(const GateSpec& spec) : s_(spec) {}
  std::string_view name() const override { return "gate"; }

  OpPlan plan(std::span<const TensorDesc> in, const PlanContext& context) override {
    expect_inputs(name(), in, 3);
    OpPlan p;
    const DType type = in[0].dtype;
    const auto& kernel =
        choose<RowFunctionsOf<GateArgs>>(name(), kKernels, type, context.runtime, p.refused);
    expect_matrix(name(), "x", in[0], type, s_.dim);
    expect_elements("weight", in[1], type, s_.weight + weights());
    expect_elements("bias", in[2], type, s_.bias + s_.heads);
    parameter_ = parameter_type(type);
    functions_ = kernel.functions(type);
    part_ = rows_per_part(context.rows());
    p.kernel = kernel.tag.name;
    p.outputs = {{type, {context.rows(), s_.heads}}};
    p.saved = {{parameter_, {context.rows(), s_.heads}}};
    p.backward_reads_input = {true, true, false};
    p.backward_scratch =
        static_cast<size_t>(parts_of(context.rows(), part_) * stride()) * size_of(parameter_);
    const auto n = static_cast<double>(context.rows() * weights());
    const auto bytes = static_cast<double>(in[0].bytes());
    p.forward = {2 * n, bytes};
    p.backward = {4 * n, 3 * bytes};
    return p;
  }

  void forward(const Frame& f) const noexcept override {
    GateArgs args = arguments(f);
    args.b = at(f.in[2], parameter_, s_.bias);
    args.c = f.out[0];
    for_row_chunks(
        f.runtime, f.run.rows(), rows_per_task(weights()),
        [&](int64_t first, int64_t last, int64_t) { functions_.forward(args, first, last); });
  }

  void backward(const Frame& f) const noexcept override {
    GateArgs shared = arguments(f);
    shared.dc = f.d_out[0];
    shared.dx = f.d_in[0];
    shared.add_dx = f.add[0] != 0;
    const int64_t rows = f.run.rows(), parts = parts_of(rows, part_);
    for_row_chunks(f.runtime, rows, part_, [&](int64_t first, int64_t last, int64_t part) {
      GateArgs args = shared;
      args.d_parameters = at(f.scratch, parameter_, part * stride());
      args.dz = at(args.d_parameters, parameter_, weights() + s_.heads);
      functions_.backward(args, first, last);
    });
    const auto add_up = [&](size_t input, int64_t element, int64_t from, int64_t n) {
      sum_parts(f.runtime, parameter_, at(f.scratch, parameter_, from), parts, stride(), n,
                at(f.d_in[input], parameter_, element), f.add[input] != 0);
    };
    if (f.d_in[1] != nullptr) add_up(1, s_.weight, 0, weights());
    if (f.d_in[2] != nullptr) add_up(2, s_.bias, weights(), s_.heads);
  }

 private:
  int64_t weights() const { return s_.heads * s_.dim; }
  int64_t stride() const { return weights() + 2 * s_.heads; }  // of one part: dw, db, dz of a row

  void expect_elements(std::string_view input, const TensorDesc& got, DType type, int64_t least) {
    expect_parameter(name(), input, got, type, got.shape);
    if (got.numel() >= least) return;
    fail(ErrorCode::config,
         {"gate", std::string(input) + " of at least " + std::to_string(least) + " elements",
          got.str(), ""});
  }

  GateArgs arguments(const Frame& f) const {
    GateArgs args{};
    args.dim = s_.dim;
    args.heads = s_.heads;
    args.x = f.in[0];
    args.w = at(f.in[1], parameter_, s_.weight);
    args.z = f.saved[0];
    return args;
  }

  GateSpec s_;
  DType parameter_ = DType::f32;
  int64_t part_ = 1;  ///< rows of one partial sum of the parameters' gradients
  RowFunctions<GateArgs> functions_{};
};

// Of a layer among three, some of its heads.
test::CheckCase gate_case(int64_t rows, int64_t dim) {
  const int64_t heads = dim % 2 == 1 ? 3 : 2;
  const GateSpec spec{.dim = dim, .heads = heads, .weight = 5 * dim, .bias = 5};
  test::InputSpec w{{3, 4, dim}, test::Role::parameter, 1.0 / (1 + 0.01 * double(dim))};
  test::InputSpec b{{3, 4}, test::Role::parameter};
  w.always_add = b.always_add = true;
  return {{}, [=] { return make_gate(spec); }, {{{rows, dim}}, w, b}, {}, {}};
}

}  // namespace

std::unique_ptr<Op> make_gate(const GateSpec& spec) {
  if (spec.dim < 1 || spec.heads < 1 || spec.weight < 0 || spec.bias < 0) {
    fail(ErrorCode::config, {"gate", "dim and heads > 0, elements >= 0",
                             std::to_string(spec.dim) + ", " + std::to_string(spec.heads) + ", " +
                                 std::to_string(spec.weight) + " and " + std::to_string(spec.bias),
                             ""});
  }
  return std::make_unique<Gate>(spec);
}

std::vector<KernelTag> gate_tags() {
  return tags_of(kKernels);
}

std::vector<KernelRow> check_gate(const Runtime& runtime) {
  return test::check_op("gate", gate_tags(), runtime, test::width_cases(gate_case));
}

}  // namespace weft
