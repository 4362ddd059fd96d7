#include "ops/mix/mix.h"

#include "ops/mix/mix_kernel.h"
#include "ops/mix/mix_tables.h"
#include "ops/row_op.h"
#include "ops/test_support/check_op.h"

namespace weft {
namespace {

#define WEFT_ENTRY(isa) {{#isa, Isa::isa, {DType::f32, DType::bf16}}, isa::mix_simd},
const Kernel<RowFunctionsOf<MixArgs>> kKernels[] = {WEFT_FOR_EACH_ISA(WEFT_ENTRY){
    {"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}}, mix_ref}};
#undef WEFT_ENTRY

class Mix final : public Op {
 public:
  explicit Mix(MixTables tables) : m_(std::move(tables)) {}
  std::string_view name() const override { return "mix"; }

  OpPlan plan(std::span<const TensorDesc> in, const PlanContext& context) override {
    expect_inputs(name(), in, static_cast<size_t>(m_.inputs));
    OpPlan p;
    const DType type = in[static_cast<size_t>(m_.reads[0].input)].dtype;
    const auto& kernel =
        choose<RowFunctionsOf<MixArgs>>(name(), kKernels, type, context.runtime, p.refused);
    check_inputs(in, type);
    functions_ = kernel.functions(type);
    parameter_ = parameter_type(type);
    part_ = rows_per_part(context.rows());
    p.kernel = kernel.tag.name;
    p.outputs = {{type, {context.rows(), width()}}};
    for (int i = 0; i < m_.inputs; ++i) {
      p.backward_reads_input.push_back(m_.is_gain(i) || m_.is_gained(i));
    }
    p.backward_scratch =
        static_cast<size_t>(parts_of(context.rows(), part_) * m_.terms()) * size_of(parameter_);
    const auto n = static_cast<double>(context.rows() * width());
    const auto terms = static_cast<double>(m_.terms()), bytes = static_cast<double>(size_of(type));
    p.forward = {2 * n * terms, n * bytes * (terms + 1)};
    p.backward = {4 * n * terms, n * bytes * (2 * terms + 1)};
    return p;
  }

  void forward(const Frame& f) const noexcept override {
    MixArgs args = arguments(f);
    args.y = f.out[0];
    for_row_chunks(
        f.runtime, f.run.rows(), rows_per_task(width() * m_.terms()),
        [&](int64_t first, int64_t last, int64_t) { functions_.forward(args, first, last); });
  }

  void backward(const Frame& f) const noexcept override {
    MixArgs shared = arguments(f);
    shared.dy = f.d_out[0];
    shared.d_in = f.d_in.data();
    shared.add = f.add.data();
    const int64_t rows = f.run.rows();
    for_row_chunks(f.runtime, rows, part_, [&](int64_t first, int64_t last, int64_t part) {
      MixArgs args = shared;
      args.d_gain = at(f.scratch, parameter_, part * m_.terms());
      functions_.backward(args, first, last);
    });
    if (parameter_ == DType::f64) {
      add_gains<double>(f, parts_of(rows, part_));
    } else {
      add_gains<float>(f, parts_of(rows, part_));
    }
  }

 private:
  int64_t width() const { return m_.heads * m_.width; }

  void check_inputs(std::span<const TensorDesc> in, DType type) {
    columns_.clear();
    for (size_t i = 0; i < in.size(); ++i) {
      columns_.push_back(in[i].shape.rank() == 2 ? in[i].shape[1] : 0);
    }
    for (const MixRead& r : m_.reads) {
      const auto i = static_cast<size_t>(r.input);
      const int64_t least = std::max(columns_[i], r.column + m_.width);
      expect_matrix(name(), "source " + std::to_string(i), in[i], type, least);
    }
    for (const MixFactor& factor : m_.factors) {
      if (factor.gain < 0) continue;
      const auto i = static_cast<size_t>(factor.gain);
      const std::string what = "gain " + std::to_string(i);
      if (factor.gate) {
        expect_matrix(name(), what, in[i], type, m_.heads);
        continue;
      }
      expect_parameter(name(), what, in[i], type, in[i].shape);
      if (factor.element < in[i].numel()) continue;
      fail(ErrorCode::config,
           {"mix", what + " with more than " + std::to_string(factor.element) + " elements",
            in[i].str(), ""});
    }
  }

  MixArgs arguments(const Frame& f) const {
    MixArgs a{};
    a.heads = m_.heads;
    a.width = m_.width;
    a.terms = m_.terms();
    a.reads = m_.reads.data();
    a.factors = m_.factors.data();
    a.columns = columns_.data();
    a.in = f.in.data();
    return a;
  }

  /// Adds up the partial sums [parts, terms] of each scalar gain, in order of terms and parts.
  template <class P>
  void add_gains(const Frame& f, int64_t parts) const {
    const auto* partial = static_cast<const P*>(f.scratch);
    for (int64_t t = 0; t < m_.terms(); ++t) {
      const MixFactor& factor = m_.factors[static_cast<size_t>(t)];
      if (factor.gain < 0 || factor.gate) continue;
      const auto i = static_cast<size_t>(factor.gain);
      if (f.d_in[i] == nullptr) continue;
      P sum = 0;
      for (int64_t part = 0; part < parts; ++part) sum += partial[part * m_.terms() + t];
      P& d = static_cast<P*>(f.d_in[i])[factor.element];
      d = factor.first && f.add[i] == 0 ? sum : d + sum;
    }
  }

  MixTables m_;
  std::vector<int64_t> columns_;  // [inputs]
  DType parameter_ = DType::f32;
  int64_t part_ = 1;  ///< rows of one partial sum of the gains' gradients
  RowFunctions<MixArgs> functions_{};
};

/// A term whose heads lie side by side in one input.
MixTerm side_by_side(int64_t heads, int64_t width, int input, int64_t column = 0) {
  MixTerm term;
  for (int64_t h = 0; h < heads; ++h) term.heads.push_back({input, column + h * width});
  return term;
}

test::CheckCase blend_case(int64_t rows, int64_t width) {  // value residual: a * v0 + (1 - a) * v
  MixSpec spec{2, width, {side_by_side(2, width, 0), side_by_side(2, width, 1)}};
  spec.terms[0].gain = spec.terms[1].gain = 2;
  spec.terms[0].gain_element = spec.terms[1].gain_element = 3;
  spec.terms[1].complement = true;
  test::InputSpec gains{{3, 2}, test::Role::parameter};
  gains.always_add = true;
  const test::InputSpec source{{rows, 2 * width}};
  return {{}, [=] { return make_mix(spec); }, {source, source, gains}, {}, {}};
}

test::CheckCase grouped_case(int64_t rows, int64_t width) {  // o + c*v0 - c*v, kv heads repeated
  MixSpec spec{4, width, {side_by_side(4, width, 0), {}, {}}};
  for (int64_t h = 0; h < 4; ++h) {
    spec.terms[1].heads.push_back({1, h / 2 * width});
    spec.terms[2].heads.push_back({2, h / 2 * width});
  }
  spec.terms[1].scale = 0.4;
  spec.terms[2].scale = -0.4;
  spec.terms[2].gain = 3;
  test::InputSpec part{{rows, 3 * width}};
  part.always_add = true;  // its third head is read by nobody
  return {{},
          [=] { return make_mix(spec); },
          {{{rows, 4 * width}}, {{rows, 2 * width}}, part, {{1}, test::Role::parameter}},
          {},
          {}};
}

test::CheckCase gate_case(int64_t rows, int64_t width) {  // (1 - c) * v0 + c * v, c by row and head
  MixSpec spec{3, width, {side_by_side(3, width, 0), side_by_side(3, width, 1)}};
  for (MixTerm& term : spec.terms) term.gain = 2, term.kind = MixTerm::Gain::gate;
  spec.terms[0].complement = true;
  const test::InputSpec source{{rows, 3 * width}};
  return {{}, [=] { return make_mix(spec); }, {source, source, {{rows, 3}}}, {}, {}};
}

}  // namespace

std::unique_ptr<Op> make_mix(MixSpec spec) {
  return std::make_unique<Mix>(compile_mix(spec));
}

std::vector<KernelTag> mix_tags() {
  return tags_of(kKernels);
}

std::vector<KernelRow> check_mix(const Runtime& runtime) {
  std::vector<test::CheckCase> cases;
  for (const auto& make : {blend_case, grouped_case, gate_case}) {
    for (test::CheckCase& c : test::width_cases(make)) cases.push_back(std::move(c));
  }
  return test::check_op("mix", mix_tags(), runtime, cases);
}

}  // namespace weft
