#include "ops/rope/rope.h"

#include <cmath>

#include "ops/rope/rope_kernel.h"
#include "ops/row_op.h"
#include "ops/test_support/check_op.h"

namespace weft {
namespace {

#define WEFT_ENTRY(isa) {{#isa, Isa::isa, {DType::f32, DType::bf16}}, isa::rope_simd},
const Kernel<RowFunctionsOf<RopeArgs>> kKernels[] = {WEFT_FOR_EACH_ISA(WEFT_ENTRY){
    {"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}}, rope_ref}};
#undef WEFT_ENTRY

class Rope final : public Op {
 public:
  Rope(int64_t heads, std::shared_ptr<RopeTable> table) : heads_(heads), table_(std::move(table)) {}
  std::string_view name() const override { return "rope"; }

  OpPlan plan(std::span<const TensorDesc> in, const PlanContext& context) override {
    expect_inputs(name(), in, 1);
    OpPlan p;
    const auto& kernel =
        choose<RowFunctionsOf<RopeArgs>>(name(), kKernels, in[0].dtype, context.runtime, p.refused);
    expect_matrix(name(), "x", in[0], in[0].dtype, width());
    functions_ = kernel.functions(in[0].dtype);
    if (kernel.tag.name != "ref") table_->reserve(std::max(context.context, context.time));
    p.kernel = kernel.tag.name;
    p.outputs = {in[0]};
    p.in_place = 0;
    const auto n = static_cast<double>(in[0].numel());
    const auto bytes = static_cast<double>(in[0].bytes());
    p.forward = p.backward = {3 * n, 2 * bytes};
    return p;
  }

  void forward(const Frame& f) const noexcept override {
    run(f, functions_.forward, f.in[0], f.out[0], false);
  }
  void backward(const Frame& f) const noexcept override {
    if (f.d_in[0] == nullptr) return;
    run(f, functions_.backward, f.d_out[0], f.d_in[0], f.add[0] != 0);
  }

 private:
  int64_t width() const { return heads_ * table_->head_dim(); }

  template <class F>
  void run(const Frame& f, F&& function, const void* x, void* y, bool add) const noexcept {
    const RopeArgs args{heads_,
                        table_->head_dim(),
                        table_->theta(),
                        f.run.time,
                        f.run.past,
                        f.run.first_key,
                        table_->data(),
                        x,
                        y,
                        add};
    for_row_chunks(f.runtime, f.run.rows(), rows_per_task(width()),
                   [&](int64_t first, int64_t last, int64_t) { function(args, first, last); });
  }

  int64_t heads_;
  std::shared_ptr<RopeTable> table_;
  RowFunctions<RopeArgs> functions_{};
};

}  // namespace

RopeTable::RopeTable(int64_t head_dim, double theta) : head_dim_(head_dim), theta_(theta) {
  if (head_dim < 2 || head_dim % 2 != 0) {
    fail(ErrorCode::config, {"rope", "an even head_dim", std::to_string(head_dim),
                             "use position alibi or none, or another head_dim"});
  }
  if (!(theta > 0) || !std::isfinite(theta)) {
    fail(ErrorCode::config, {"rope", "theta > 0", std::to_string(theta), ""});
  }
}

void RopeTable::reserve(int64_t n) {
  const int64_t half = head_dim_ / 2, have = static_cast<int64_t>(values_.size()) / head_dim_;
  if (n <= have) return;
  values_.resize(static_cast<size_t>(n * head_dim_));
  for (int64_t i = 0; i < half; ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(head_dim_);
    const double frequency = std::pow(theta_, exponent);
    for (int64_t position = have; position < n; ++position) {
      const double angle = static_cast<double>(position) * frequency;
      float* row = values_.data() + position * head_dim_;
      row[i] = static_cast<float>(std::cos(angle));
      row[half + i] = static_cast<float>(std::sin(angle));
    }
  }
}

std::unique_ptr<Op> make_rope(int64_t heads, int64_t head_dim, double theta,
                              std::shared_ptr<RopeTable> table) {
  if (heads < 1) fail(ErrorCode::config, {"rope", "heads > 0", std::to_string(heads), ""});
  if (table == nullptr) table = std::make_shared<RopeTable>(head_dim, theta);
  if (table->head_dim() != head_dim || table->theta() != theta) {
    fail(ErrorCode::config,
         {"rope", "a table of this head_dim and theta", "one of another", "one table for each"});
  }
  return std::make_unique<Rope>(heads, std::move(table));
}

std::vector<KernelTag> rope_tags() {
  return tags_of(kKernels);
}

std::vector<KernelRow> check_rope(const Runtime& runtime) {
  // Rows of 2 sequences of 11 tokens that hold documents from positions 0, 4 (and 9) on.
  static const int32_t documents[] = {0, 0, 0, 0, 4, 4, 4, 4, 4, 9, 9,
                                      0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 4};
  std::vector<test::CheckCase> cases;
  for (const int64_t head_dim : {2, 6, 64, 130}) {
    for (const int past : {0, 1000}) {
      for (const bool packed : {false, true}) {
        if (packed && past > 0) continue;  // a cache continues one document
        const int64_t heads = head_dim == 64 ? 3 : 1;
        const auto make = [=] { return make_rope(heads, head_dim, 10000); };
        cases.push_back({"head_dim " + std::to_string(head_dim) + " past " + std::to_string(past),
                         make,
                         {{{39, heads * head_dim}}},
                         {},
                         {}});
        cases.back().context.batch = 3;
        cases.back().context.time = 13;
        cases.back().context.context = 1013;
        cases.back().run = {2, 11, past, packed ? documents : nullptr, nullptr, 1};
      }
    }
  }
  return test::check_op("rope", rope_tags(), runtime, cases);
}

}  // namespace weft
