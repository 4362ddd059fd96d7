#include "ops/embedding/embedding.h"

#include <algorithm>

#include "ops/test_support/check_op.h"

namespace weft {
namespace {

constexpr int64_t kRowBlock = 64;         // rows of one forward task
constexpr int64_t kColumnBlock = 64;      // columns of one backward task: four cache lines of f32
constexpr int64_t kClearBlock = 1 << 16;  // elements

/// One kernel: it moves memory and does nothing else, so there is nothing for others to win.
constexpr KernelTag kTag = {"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}};

template <class T, class P>
void gather(const Frame& f, int64_t dim) noexcept {
  const int32_t* tokens = static_cast<const int32_t*>(f.in[0]);
  const P* table = static_cast<const P*>(f.in[1]);
  T* y = static_cast<T*>(f.out[0]);
  const int64_t rows = f.run.rows();
  parallel_for(f.runtime, (rows + kRowBlock - 1) / kRowBlock, [&](int64_t task, int) {
    const int64_t end = std::min((task + 1) * kRowBlock, rows);
    for (int64_t r = task * kRowBlock; r < end; ++r) {
      const P* from = table + tokens[r] * dim;
      T* to = y + r * dim;
      for (int64_t i = 0; i < dim; ++i) to[i] = T(from[i]);
    }
  });
}

/// Every task owns some columns of the table and takes all rows in their order.
template <class T, class P>
void scatter(const Frame& f, int64_t vocab, int64_t dim) noexcept {
  const int32_t* tokens = static_cast<const int32_t*>(f.in[0]);
  const T* dy = static_cast<const T*>(f.d_out[0]);
  P* d_table = static_cast<P*>(f.d_in[1]);
  const int64_t rows = f.run.rows(), size = vocab * dim;
  if (f.add[1] == 0) {
    parallel_for(f.runtime, (size + kClearBlock - 1) / kClearBlock, [&](int64_t task, int) {
      std::fill(d_table + task * kClearBlock, d_table + std::min((task + 1) * kClearBlock, size),
                P(0));
    });
  }
  parallel_for(f.runtime, (dim + kColumnBlock - 1) / kColumnBlock, [&](int64_t task, int) {
    const int64_t begin = task * kColumnBlock, end = std::min(begin + kColumnBlock, dim);
    for (int64_t r = 0; r < rows; ++r) {
      P* to = d_table + tokens[r] * dim;
      const T* from = dy + r * dim;
      for (int64_t i = begin; i < end; ++i) to[i] += static_cast<P>(from[i]);
    }
  });
}

class Embedding final : public Op {
 public:
  Embedding(int64_t vocab, int64_t dim, DType dtype) : vocab_(vocab), dim_(dim), dtype_(dtype) {}

  std::string_view name() const override { return "embedding"; }

  OpPlan plan(std::span<const TensorDesc> inputs, const PlanContext& context) override {
    check(inputs);
    type_ = inputs[1].dtype == DType::f64 ? DType::f64 : dtype_;
    table_ = inputs[1].dtype;
    const int64_t rows = context.rows();
    OpPlan plan;
    plan.outputs = {{type_, {rows, dim_}}};
    plan.backward_reads_input = {true, false};
    plan.differentiable = {false, true};
    const double elements = static_cast<double>(rows * dim_);
    const double size = static_cast<double>(size_of(type_) + size_of(inputs[1].dtype));
    plan.forward = {0, elements * size};
    plan.backward = {elements, elements * (size + static_cast<double>(size_of(inputs[1].dtype)))};
    plan.kernel = kTag.name;
    return plan;
  }

  void forward(const Frame& frame) const noexcept override {
    if (type_ == DType::f64) return gather<double, double>(frame, dim_);
    if (type_ == DType::f32) return gather<float, float>(frame, dim_);
    if (table_ == DType::bf16) return gather<bf16, bf16>(frame, dim_);
    gather<bf16, float>(frame, dim_);
  }

  void backward(const Frame& frame) const noexcept override {
    if (frame.d_in[1] == nullptr) return;
    if (type_ == DType::f64) return scatter<double, double>(frame, vocab_, dim_);
    if (type_ == DType::f32) return scatter<float, float>(frame, vocab_, dim_);
    scatter<bf16, float>(frame, vocab_, dim_);
  }

 private:
  void check(std::span<const TensorDesc> inputs) const {
    if (inputs.size() != 2) {
      fail(ErrorCode::config,
           {"embedding", "2 inputs (tokens, table)", std::to_string(inputs.size()), ""});
    }
    if (dtype_ != DType::f64 && dtype_ != DType::f32 && dtype_ != DType::bf16) {
      fail(ErrorCode::config,
           {"embedding", "activations of f64, f32 or bf16", std::string(name_of(dtype_)), ""});
    }
    expect_matrix("embedding", "tokens", inputs[0], DType::i32, 1);
    const bool wide = inputs[1].dtype == DType::f64 || dtype_ == DType::f64;
    const bool half = inputs[1].dtype == DType::bf16 && dtype_ == DType::bf16;
    const DType table = wide ? DType::f64 : half ? DType::bf16 : DType::f32;
    expect_matrix("embedding", "table", inputs[1], table, dim_);
    if (inputs[1].shape[0] != vocab_) {
      fail(ErrorCode::config,
           {"embedding", "table of shape " + Shape{vocab_, dim_}.str(), inputs[1].shape.str(), ""});
    }
  }

  int64_t vocab_, dim_;
  DType dtype_, type_ = DType::f32, table_ = DType::f32;
};

test::CheckCase embedding_case(int64_t planned, int64_t rows, int64_t vocab, int64_t dim,
                               DType type, test::Role table) {
  test::CheckCase c{
      "rows " + std::to_string(rows) + ", table " + Shape{vocab, dim}.str(),
      [=] { return make_embedding(vocab, dim, type); },
      {{Shape{planned, 1}, test::Role::integer, 1, 0, vocab}, {Shape{vocab, dim}, table}},
      {},
      {}};
  c.context.batch = planned;
  c.context.training = true;
  c.run.batch = rows;
  return c;
}

}  // namespace

std::unique_ptr<Op> make_embedding(int64_t vocab, int64_t dim, DType dtype) {
  return std::make_unique<Embedding>(vocab, dim, dtype);
}

std::vector<KernelTag> embedding_tags() {
  return {kTag};
}

std::vector<KernelRow> check_embedding(const Runtime& runtime) {
  static const KernelTag tags[] = {{"ref", Isa::generic, {DType::f64}},
                                   {"ref", Isa::generic, {DType::f32}},
                                   {"ref", Isa::generic, {DType::bf16}}};
  std::vector<KernelRow> rows;
  for (const KernelTag& tag : tags) {
    const DType type = *tag.dtypes.begin();
    const test::CheckCase cases[] = {
        embedding_case(2, 1, 1, 1, type, test::Role::parameter),
        embedding_case(8, 7, 3, 63, type, test::Role::parameter),
        embedding_case(64, 63, 1000, 7, type, test::Role::weight),  // a bf16 copy of the table
        embedding_case(201, 200, 63, 130, type, test::Role::parameter)};
    for (KernelRow& row : test::check_op("embedding", {&tag, 1}, runtime, cases)) {
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace weft
