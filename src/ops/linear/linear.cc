#include "ops/linear/linear.h"

#include <algorithm>
#include <array>

#include "ops/linear/linear_kernels.h"
#include "ops/linear/linear_ref.h"
#include "runtime/gemm.h"

namespace weft {
namespace {

/// Up to so many rows the weights' bytes bound the time and vector code beats oneDNN, whose
/// smallest piece has 16 rows. Measured at 8 rows, 1024 x 384, one core: f32 67 us against 85,
/// bf16, when a vector of it was widened by a shuffle, 144 against 52.
constexpr int64_t matvec_rows(DType type) {
  return type == DType::bf16 ? 4 : 8;
}
constexpr int64_t kMatvecBlock = 64;  // weight rows of one task

class Linear final : public Op {
 public:
  Linear(int64_t in, int64_t out, LinearOutput output) : in_(in), out_(out), output_(output) {}

  std::string_view name() const override { return "linear"; }
  OpPlan plan(std::span<const TensorDesc> inputs, const PlanContext& context) override;
  void forward(const Frame& frame) const noexcept override;
  void backward(const Frame& frame) const noexcept override;

 private:
  void check(std::span<const TensorDesc> inputs, const PlanContext& context) const;
  void plan_products(const PlanContext& context, OpPlan& plan);
  void few_rows(const Frame& frame) const noexcept;
  template <class T>
  void ref_forward(const Frame& frame) const noexcept;
  template <class T>
  void ref_backward(const Frame& frame) const noexcept;

  int64_t in_, out_;
  LinearOutput output_;
  DType type_ = DType::f32, out_type_ = DType::f32;
  LinearKernel kernel_;
  Runtime runtime_;
  std::shared_ptr<const Gemm> forward_, input_gradient_, weight_gradient_;
};

void Linear::check(std::span<const TensorDesc> inputs, const PlanContext& context) const {
  if (inputs.size() != 2) {
    fail(ErrorCode::config, {"linear", "2 inputs (x, weight)", std::to_string(inputs.size()), ""});
  }
  const DType type = inputs[0].dtype;
  expect_matrix("linear", "x", inputs[0], type, in_);
  expect_matrix("linear", "weight", inputs[1], type, in_);
  if (inputs[1].shape[0] != out_) {
    fail(ErrorCode::config,
         {"linear", "weight of shape " + Shape{out_, in_}.str(), inputs[1].shape.str(), ""});
  }
  if (context.training && type == DType::bf16 && output_ == LinearOutput::f32) {
    fail(ErrorCode::config, {"linear", "an output of the type of x where it is trained",
                             "f32 from bf16", "only decode programs widen"});
  }
}

OpPlan Linear::plan(std::span<const TensorDesc> inputs, const PlanContext& context) {
  check(inputs, context);
  type_ = inputs[0].dtype;
  out_type_ = output_ == LinearOutput::f32 && type_ == DType::bf16 ? DType::f32 : type_;
  runtime_ = context.runtime;
  OpPlan plan;
  const auto& chosen = choose("linear", linear_kernels(), type_, runtime_, plan.refused);
  kernel_ = chosen.functions;
  plan.kernel = chosen.tag.name;
  const int64_t rows = context.rows();
  plan.outputs = {{out_type_, {rows, out_}}};
  plan.backward_reads_input = {true, true};
  const double r = static_cast<double>(rows), i = static_cast<double>(in_),
               o = static_cast<double>(out_), size = static_cast<double>(size_of(type_));
  plan.forward = {2 * r * i * o, size * (r * i + i * o + r * o)};
  plan.backward = {4 * r * i * o, size * (2 * r * i + i * o + 2 * r * o) + 4 * i * o};
  plan_products(context, plan);
  return plan;
}

void Linear::plan_products(const PlanContext& context, OpPlan& plan) {
  forward_.reset(), input_gradient_.reset(), weight_gradient_.reset();
  const int64_t rows = context.rows();
  if (!kernel_.gemm || rows == 0) return;
  if (rows > matvec_rows(type_)) {
    forward_ = make_product(
        context,
        {.m = rows, .n = out_, .k = in_, .transpose_b = true, .in = type_, .out = out_type_});
    plan.forward_scratch = forward_->scratch_bytes();
  }
  if (type_ == DType::bf16) {
    const int64_t floats = std::min(rows, matvec_rows(type_)) * in_;
    plan.forward_scratch =
        std::max(plan.forward_scratch, static_cast<size_t>(floats) * sizeof(float));
  }
  if (!context.training) return;
  input_gradient_ =
      make_product(context, {.m = rows, .n = in_, .k = out_, .in = type_, .out = type_});
  weight_gradient_ = make_product(
      context,
      {.m = out_, .n = in_, .k = rows, .transpose_a = true, .open = OpenDim::k, .in = type_});
  plan.backward_scratch =
      std::max(input_gradient_->scratch_bytes(), weight_gradient_->scratch_bytes());
}

void Linear::few_rows(const Frame& frame) const noexcept {
  const MatvecFn matvec = type_ == DType::f32       ? kernel_.f32
                          : out_type_ == DType::f32 ? kernel_.bf16_f32
                                                    : kernel_.bf16;
  const int64_t rows = frame.run.rows();
  const void* x = frame.in[0];
  if (type_ == DType::bf16) {
    kernel_.pack_bf16(x, rows, in_, frame.scratch);
    x = frame.scratch;
  }
  parallel_for(runtime_, (out_ + kMatvecBlock - 1) / kMatvecBlock, [&](int64_t task, int) {
    const int64_t begin = task * kMatvecBlock;
    matvec({x, frame.in[1], frame.out[0], rows, in_, out_, begin,
            std::min(begin + kMatvecBlock, out_)});
  });
}

template <class T>
void Linear::ref_forward(const Frame& frame) const noexcept {
  const T* x = static_cast<const T*>(frame.in[0]);
  const T* w = static_cast<const T*>(frame.in[1]);
  const int64_t rows = frame.run.rows();
  if (out_type_ == type_) {
    linear_ref::forward(runtime_, x, w, static_cast<T*>(frame.out[0]), rows, in_, out_);
  } else {
    linear_ref::forward(runtime_, x, w, static_cast<compute_t<T>*>(frame.out[0]), rows, in_, out_);
  }
}

template <class T>
void Linear::ref_backward(const Frame& frame) const noexcept {
  const T* x = static_cast<const T*>(frame.in[0]);
  const T* w = static_cast<const T*>(frame.in[1]);
  const T* dy = static_cast<const T*>(frame.d_out[0]);
  const int64_t rows = frame.run.rows();
  if (frame.d_in[0] != nullptr) {
    linear_ref::input_gradient(runtime_, dy, w, static_cast<T*>(frame.d_in[0]), rows, in_, out_,
                               frame.add[0] != 0);
  }
  if (frame.d_in[1] != nullptr) {
    linear_ref::weight_gradient(runtime_, dy, x, static_cast<compute_t<T>*>(frame.d_in[1]), rows,
                                in_, out_, frame.add[1] != 0);
  }
}

void Linear::forward(const Frame& frame) const noexcept {
  const int64_t rows = frame.run.rows();
  if (kernel_.gemm) {
    if (rows <= matvec_rows(type_)) return few_rows(frame);
    return forward_->run(frame.in[0], frame.in[1], frame.out[0], rows, false, frame.scratch);
  }
  if (type_ == DType::f64) return ref_forward<double>(frame);
  if (type_ == DType::f32) return ref_forward<float>(frame);
  ref_forward<bf16>(frame);
}

void Linear::backward(const Frame& frame) const noexcept {
  if (kernel_.gemm) {
    const int64_t rows = frame.run.rows();
    if (frame.d_in[0] != nullptr) {
      input_gradient_->run(frame.d_out[0], frame.in[1], frame.d_in[0], rows, frame.add[0] != 0,
                           frame.scratch);
    }
    if (frame.d_in[1] != nullptr) {
      weight_gradient_->run(frame.d_out[0], frame.in[0], frame.d_in[1], rows, frame.add[1] != 0,
                            frame.scratch);
    }
    return;
  }
  if (type_ == DType::f64) return ref_backward<double>(frame);
  if (type_ == DType::f32) return ref_backward<float>(frame);
  ref_backward<bf16>(frame);
}

}  // namespace

std::unique_ptr<Op> make_linear(int64_t in, int64_t out, LinearOutput output) {
  return std::make_unique<Linear>(in, out, output);
}

}  // namespace weft
