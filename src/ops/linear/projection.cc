#include "ops/linear/projection.h"

#include <algorithm>
#include <string>

#include "base/buffer.h"
#include "base/error.h"
#include "ops/linear/linear_kernels.h"
#include "ops/linear/linear_ref.h"
#include "runtime/gemm.h"

namespace weft {
namespace {

constexpr int64_t kMatvecRows = 4;  // more rows than these take panels
/// More rows than these take oneDNN, which copies the weights before it multiplies them.
constexpr int64_t kFewRows = kMostPanels * kPanelRows;
/// Weights of one task: long enough for the prefetchers of the memory to settle (a read of 3 MiB
/// blocks is 5 to 8 % faster than of 192 KiB ones), short enough that a disturbed core hands on.
constexpr int64_t kTaskBytes = int64_t{1} << 20;
constexpr int64_t kRowsTogether = 16;  // a task is a multiple of them, which the kernels work on

class Projection final : public Op {
 public:
  explicit Projection(ProjectionSpec spec) : spec_(std::move(spec)) {}

  std::string_view name() const override { return "projection"; }
  OpPlan plan(std::span<const TensorDesc> inputs, const PlanContext& context) override;
  void forward(const Frame& frame) const noexcept override;
  void backward(const Frame&) const noexcept override {}  // not differentiable: never called

 private:
  /// Rows [begin, end) of the weights of one product.
  struct Piece {
    size_t product;
    int64_t begin, end;
  };

  bool int8() const { return spec_.weights == WeightType::int8; }
  size_t weight_input(size_t product) const { return 1 + product * (int8() ? 2 : 1); }
  void check(std::span<const TensorDesc> inputs, const PlanContext& context) const;
  void cut(const PlanContext& context);
  void plan_memory(const PlanContext& context, OpPlan& plan);
  const FewRows& few_rows_of(int64_t rows) const;
  void few_rows(const Frame& frame) const noexcept;
  void many_rows(const Frame& frame) const noexcept;
  const void* dequantised(const Frame& frame, size_t product) const noexcept;
  template <class T>
  void reference(const Frame& frame) const noexcept;

  ProjectionSpec spec_;
  DType type_ = DType::f32, out_type_ = DType::f32;
  ProjectionKernel kernel_;
  Runtime runtime_;
  std::vector<std::vector<Piece>> tasks_;
  std::vector<std::shared_ptr<const Gemm>> gemms_;  // by product
  size_t weight_bytes_ = 0;                         // of scratch, before that of the products
};

void Projection::check(std::span<const TensorDesc> inputs, const PlanContext& context) const {
  const size_t want = weight_input(spec_.out.size());
  if (spec_.out.empty() || inputs.size() != want) {
    fail(ErrorCode::config,
         {"projection", std::to_string(want) + " inputs (x and the weights of 1 or more products)",
          std::to_string(inputs.size()), ""});
  }
  if (context.training) {
    fail(ErrorCode::config,
         {"projection", "a program that is not trained", "one that is", "use linear"});
  }
  const DType type = inputs[0].dtype;
  expect_matrix("projection", "x", inputs[0], type, spec_.in);
  for (size_t p = 0; p < spec_.out.size(); ++p) {
    const TensorDesc& weights = inputs[weight_input(p)];
    const TensorDesc expected{int8() ? DType::u8 : type, {spec_.out[p], spec_.in}};
    if (weights != expected) {
      fail(ErrorCode::config, {"projection", "weights " + expected.str(), weights.str(), ""});
    }
    const TensorDesc scales{DType::f32, {spec_.out[p]}};
    if (int8() && inputs[weight_input(p) + 1] != scales) {
      fail(ErrorCode::config,
           {"projection", "scales " + scales.str(), inputs[weight_input(p) + 1].str(), ""});
    }
  }
}

OpPlan Projection::plan(std::span<const TensorDesc> inputs, const PlanContext& context) {
  check(inputs, context);
  type_ = inputs[0].dtype;
  out_type_ = spec_.output == LinearOutput::f32 && type_ == DType::bf16 ? DType::f32 : type_;
  runtime_ = context.runtime;
  OpPlan plan;
  const auto& chosen = choose("projection", projection_kernels(), type_, runtime_, plan.refused);
  kernel_ = chosen.functions;
  plan.kernel = chosen.tag.name;
  const int64_t rows = context.rows();
  plan.differentiable.assign(inputs.size(), false);
  const double r = static_cast<double>(rows), size = static_cast<double>(size_of(type_));
  const double of_weight = int8() ? 1 : size, in = static_cast<double>(spec_.in);
  plan.forward.bytes = r * in * size;
  for (const int64_t out : spec_.out) {
    plan.outputs.push_back({out_type_, {rows, out}});
    const auto o = static_cast<double>(out);
    plan.forward.flops += 2 * r * in * o;
    plan.forward.bytes += in * o * of_weight + r * o * static_cast<double>(size_of(out_type_));
  }
  cut(context);
  plan_memory(context, plan);
  return plan;
}

// Equally many weight rows for each task, across the borders of products, and equally many tasks
// for each thread.
void Projection::cut(const PlanContext& context) {
  int64_t total = 0;
  for (const int64_t out : spec_.out) total += out;
  const auto element = static_cast<int64_t>(int8() ? 1 : size_of(type_));
  const int64_t threads = std::max(1, context.runtime.threads);
  const int64_t round = threads * kTaskBytes;  // bytes
  const int64_t rounds = std::max<int64_t>(1, (total * spec_.in * element + round / 2) / round);
  int64_t rows = (total + threads * rounds - 1) / (threads * rounds);
  rows = (rows + kRowsTogether - 1) / kRowsTogether * kRowsTogether;
  tasks_.assign(1, {});
  int64_t room = rows;
  for (size_t p = 0; p < spec_.out.size(); ++p) {
    for (int64_t begin = 0; begin < spec_.out[p];) {
      if (room == 0) tasks_.emplace_back(), room = rows;
      const int64_t end = std::min(spec_.out[p], begin + room);
      tasks_.back().push_back({p, begin, end});
      room -= end - begin;
      begin = end;
    }
  }
}

void Projection::plan_memory(const PlanContext& context, OpPlan& plan) {
  gemms_.clear();
  weight_bytes_ = 0;
  if (!kernel_.gemm) return;
  const int64_t rows = context.rows(), few = std::min(rows, kFewRows);
  if (type_ == DType::bf16 || int8()) {
    plan.forward_scratch =
        static_cast<size_t>(std::min(rows, kMatvecRows) * spec_.in) * sizeof(float);
  }
  if (few > kMatvecRows) {
    const int64_t panels = (few + kPanelRows - 1) / kPanelRows;
    plan.forward_scratch =
        static_cast<size_t>(panels * kPanelRows * (spec_.in + 1)) * sizeof(float);
  }
  if (rows <= kFewRows) return;
  size_t scratch = 0;
  for (const int64_t out : spec_.out) {
    gemms_.push_back(make_product(
        context,
        {.m = rows, .n = out, .k = spec_.in, .transpose_b = true, .in = type_, .out = out_type_}));
    scratch = std::max(scratch, gemms_.back()->scratch_bytes());
    const size_t dense = static_cast<size_t>(out * spec_.in) * size_of(type_);
    if (int8()) weight_bytes_ = std::max(weight_bytes_, (dense + 63) / 64 * 64);
  }
  plan.forward_scratch = std::max(plan.forward_scratch, weight_bytes_ + scratch);
}

const FewRows& Projection::few_rows_of(int64_t rows) const {
  if (rows <= kMatvecRows) return type_ == DType::f32 ? kernel_.f32 : kernel_.bf16;
  if (type_ == DType::f32) return kernel_.f32_panels;
  const bool dot = kernel_.bf16_dot_panels.pack != nullptr && runtime_.isa >= Isa::avx512bf16;
  return dot ? kernel_.bf16_dot_panels : kernel_.bf16_panels;
}

void Projection::few_rows(const Frame& frame) const noexcept {
  const int64_t rows = frame.run.rows();
  const FewRows& functions = few_rows_of(rows);
  const MatvecFn function = functions.function(int8(), out_type_ != type_);
  const void* x = frame.in[0];
  if (const PackFn pack = int8() ? functions.pack_int8 : functions.pack; pack != nullptr) {
    pack(x, rows, spec_.in, frame.scratch);
    x = frame.scratch;
  }
  parallel_for(runtime_, static_cast<int64_t>(tasks_.size()), [&](int64_t task, int) {
    for (const Piece& piece : tasks_[static_cast<size_t>(task)]) {
      const size_t w = weight_input(piece.product);
      const void* scales = int8() ? frame.in[w + 1] : nullptr;
      function({x, frame.in[w], frame.out[piece.product], rows, spec_.in, spec_.out[piece.product],
                piece.begin, piece.end, static_cast<const float*>(scales)});
    }
  });
}

// The weights of a product in the type of x, in scratch.
const void* Projection::dequantised(const Frame& frame, size_t product) const noexcept {
  const size_t w = weight_input(product);
  if (!int8()) return frame.in[w];
  const WidenFn widen = type_ == DType::f32 ? kernel_.widen_f32 : kernel_.widen_bf16;
  const int64_t out = spec_.out[product];
  constexpr int64_t kBlock = 64;  // weight rows of a task
  parallel_for(runtime_, (out + kBlock - 1) / kBlock, [&](int64_t task, int) {
    widen(frame.in[w], static_cast<const float*>(frame.in[w + 1]), spec_.in, task * kBlock,
          std::min(out, (task + 1) * kBlock), frame.scratch);
  });
  return frame.scratch;
}

void Projection::many_rows(const Frame& frame) const noexcept {
  auto* const scratch = static_cast<std::byte*>(frame.scratch) + weight_bytes_;
  for (size_t p = 0; p < spec_.out.size(); ++p) {
    gemms_[p]->run(frame.in[0], dequantised(frame, p), frame.out[p], frame.run.rows(), false,
                   scratch);
  }
}

template <class T>
void Projection::reference(const Frame& frame) const noexcept {
  const T* x = static_cast<const T*>(frame.in[0]);
  const int64_t rows = frame.run.rows();
  const auto product = [&](auto* y, size_t p) {
    const size_t w = weight_input(p);
    if (int8()) {
      linear_ref::forward_int8(runtime_, x, static_cast<const int8_t*>(frame.in[w]),
                               static_cast<const float*>(frame.in[w + 1]), y, rows, spec_.in,
                               spec_.out[p]);
    } else {
      linear_ref::forward(runtime_, x, static_cast<const T*>(frame.in[w]), y, rows, spec_.in,
                          spec_.out[p]);
    }
  };
  for (size_t p = 0; p < spec_.out.size(); ++p) {
    if (out_type_ == type_) {
      product(static_cast<T*>(frame.out[p]), p);
    } else {
      product(static_cast<compute_t<T>*>(frame.out[p]), p);
    }
  }
}

void Projection::forward(const Frame& frame) const noexcept {
  if (kernel_.gemm) return frame.run.rows() <= kFewRows ? few_rows(frame) : many_rows(frame);
  if (type_ == DType::f64) return reference<double>(frame);
  if (type_ == DType::f32) return reference<float>(frame);
  reference<bf16>(frame);
}

}  // namespace

std::unique_ptr<Op> make_projection(ProjectionSpec spec) {
  return std::make_unique<Projection>(std::move(spec));
}

}  // namespace weft
