#include "ops/cross_entropy/cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ops/cross_entropy/cross_entropy_kernels.h"
#include "ops/cross_entropy/cross_entropy_ref.h"
#include "runtime/gemm.h"

namespace weft {
namespace {

// Rows of one chunk: many, because reading W and adding to dW then is small beside the products
// (vocab 16000, dim 384, one core, share of the GEMM peak in bf16: 128 rows 64%, 512 rows 87%), as
// far as their logits take no more than this: 512 rows up to 65,536 ids, so that the products,
// which cut rows into pieces of 512 and then of 64, get large ones.
constexpr int64_t kChunkBytes = 128 << 20;
constexpr int64_t kFewestRows = 128, kMostRows = 2048;
constexpr int64_t kRowBlock = 8;  // rows of one softmax task

int64_t chunk_rows(int64_t vocab, int64_t rows) {
  const int64_t fit = kChunkBytes / (4 * vocab);
  const int64_t whole = fit >= 512 ? fit / 512 * 512 : fit / 64 * 64;  // pieces of the products
  return std::min(rows, std::clamp(whole, kFewestRows, kMostRows));
}

/// Parts of a block of scratch, each 64-byte aligned.
struct Layout {
  size_t labelled = 0, right = 0, x = 0, logits = 0, dx = 0, gemm = 0, total = 0;
};

class CrossEntropy final : public Op {
 public:
  CrossEntropy(int64_t dim, int64_t vocab) : dim_(dim), vocab_(vocab) {}

  std::string_view name() const override { return "cross_entropy"; }
  OpPlan plan(std::span<const TensorDesc> inputs, const PlanContext& context) override;
  void forward(const Frame& frame) const noexcept override { run(frame, false); }
  void backward(const Frame& frame) const noexcept override { run(frame, true); }

 private:
  struct Chunk {
    const int32_t* rows;  // [count]: which rows of x
    int64_t count;
    bool dense() const { return rows[count - 1] - rows[0] == count - 1; }
  };

  void check(std::span<const TensorDesc> inputs) const;
  void plan_products(const PlanContext& context);
  void run(const Frame& frame, bool gradient) const noexcept;
  int64_t collect(const Frame& frame, bool gradient) const noexcept;
  int64_t run_chunk(const Frame& frame, const Chunk& chunk, bool gradient, bool first,
                    float upstream) const noexcept;
  void softmax(const Frame& frame, const Chunk& chunk, bool gradient,
               float upstream) const noexcept;
  void input_gradient(const Frame& frame, const Chunk& chunk) const noexcept;
  size_t row_bytes() const { return static_cast<size_t>(dim_) * size_of(type_); }
  template <class T>
  T* part(const Frame& frame, size_t offset) const {
    return reinterpret_cast<T*>(static_cast<std::byte*>(frame.scratch) + offset);
  }

  int64_t dim_, vocab_, chunk_ = 0;
  DType type_ = DType::f32;
  CrossEntropyKernel kernel_;
  Runtime runtime_;
  Layout layout_;
  std::shared_ptr<const Gemm> logits_, input_gradient_, weight_gradient_;
};

void CrossEntropy::check(std::span<const TensorDesc> inputs) const {
  if (inputs.size() != 2) {
    fail(ErrorCode::config,
         {"cross_entropy", "2 inputs (x, weight)", std::to_string(inputs.size()), ""});
  }
  expect_matrix("cross_entropy", "x", inputs[0], inputs[0].dtype, dim_);
  expect_matrix("cross_entropy", "weight", inputs[1], inputs[0].dtype, dim_);
  if (inputs[1].shape[0] != vocab_) {
    fail(ErrorCode::config, {"cross_entropy", "weight of shape " + Shape{vocab_, dim_}.str(),
                             inputs[1].shape.str(), ""});
  }
}

OpPlan CrossEntropy::plan(std::span<const TensorDesc> inputs, const PlanContext& context) {
  check(inputs);
  type_ = inputs[0].dtype;
  runtime_ = context.runtime;
  const int64_t rows = context.rows();
  OpPlan plan;
  const auto& chosen =
      choose("cross_entropy", cross_entropy_kernels(), type_, runtime_, plan.refused);
  kernel_ = chosen.functions;
  plan.kernel = chosen.tag.name;
  const DType row_type = type_ == DType::f64 ? DType::f64 : DType::f32;
  plan.outputs = {{DType::f64, {1}}, {DType::f64, {1}}, {row_type, {rows, 1}}, {DType::f64, {1}}};
  plan.backward_reads_input = {true, true};
  plan.backward_reads_output.assign(4, true);  // backward() writes them: keep their memory
  const double products = 2.0 * static_cast<double>(rows * vocab_) * static_cast<double>(dim_);
  const double bytes =
      static_cast<double>((rows + vocab_) * dim_) * static_cast<double>(size_of(type_));
  plan.forward = {products, bytes};
  plan.backward = {3 * products, 2 * bytes};
  chunk_ = chunk_rows(vocab_, rows);
  layout_ = {};
  logits_.reset(), input_gradient_.reset(), weight_gradient_.reset();
  if (kernel_.exp_row != nullptr && rows > 0) {
    plan_products(context);
    const auto book = [&](int64_t count, size_t size) {
      const size_t at = layout_.total;
      layout_.total += (static_cast<size_t>(count) * size + 63) / 64 * 64;
      return at;
    };
    layout_.labelled = book(rows, sizeof(int32_t));
    layout_.right = book(chunk_, sizeof(uint8_t));
    layout_.x = book(chunk_ * dim_, size_of(type_));
    layout_.logits = book(chunk_ * vocab_, sizeof(float));
    layout_.dx = context.training ? book(chunk_ * dim_, size_of(type_)) : 0;
    size_t scratch = logits_->scratch_bytes();
    if (context.training) {
      scratch =
          std::max({scratch, input_gradient_->scratch_bytes(), weight_gradient_->scratch_bytes()});
    }
    layout_.gemm = book(static_cast<int64_t>(scratch), 1);
  } else {
    layout_.total = static_cast<size_t>(vocab_) * sizeof(double);
  }
  plan.forward_scratch = layout_.total;
  plan.backward_scratch = context.training ? layout_.total : 0;
  return plan;
}

void CrossEntropy::plan_products(const PlanContext& context) {
  logits_ = make_product(context,
                         {.m = chunk_, .n = vocab_, .k = dim_, .transpose_b = true, .in = type_});
  if (!context.training) return;
  // A bf16 gradient of the logits is packed into the first half of each f32 row.
  const int64_t ld = type_ == DType::bf16 ? 2 * vocab_ : vocab_;
  input_gradient_ = make_product(
      context, {.m = chunk_, .n = dim_, .k = vocab_, .in = type_, .out = type_, .lda = ld});
  weight_gradient_ = make_product(context, {.m = vocab_,
                                            .n = dim_,
                                            .k = chunk_,
                                            .transpose_a = true,
                                            .open = OpenDim::k,
                                            .in = type_,
                                            .lda = ld});
}

/// Lists the rows with a label; the others get a zero loss and a zero gradient.
int64_t CrossEntropy::collect(const Frame& frame, bool gradient) const noexcept {
  int32_t* labelled = part<int32_t>(frame, layout_.labelled);
  float* losses = static_cast<float*>(frame.out[2]);
  auto* dx = gradient ? static_cast<std::byte*>(frame.d_in[0]) : nullptr;
  const bool clear = dx != nullptr && frame.add[0] == 0;
  int64_t count = 0;
  for (int64_t r = 0; r < frame.run.rows(); ++r) {
    if (frame.run.labels != nullptr && frame.run.labels[r] >= 0) {
      labelled[count++] = static_cast<int32_t>(r);
      continue;
    }
    losses[r] = 0;
    if (clear) std::memset(dx + static_cast<size_t>(r) * row_bytes(), 0, row_bytes());
  }
  return count;
}

void CrossEntropy::softmax(const Frame& frame, const Chunk& chunk, bool gradient,
                           float upstream) const noexcept {
  float* logits = part<float>(frame, layout_.logits);  // [chunk, vocab]
  float* losses = static_cast<float*>(frame.out[2]);   // [rows, 1]
  auto* right = part<uint8_t>(frame, layout_.right);   // [chunk]
  const auto scale = type_ == DType::bf16 ? kernel_.scale_row_bf16 : kernel_.scale_row;
  parallel_for(runtime_, (chunk.count + kRowBlock - 1) / kRowBlock, [&](int64_t task, int) {
    const int64_t end = std::min((task + 1) * kRowBlock, chunk.count);
    for (int64_t i = task * kRowBlock; i < end; ++i) {
      float* z = logits + i * vocab_;
      const int32_t label = frame.run.labels[chunk.rows[i]];
      const float target = z[label];
      right[i] = static_cast<uint8_t>(cross_entropy_ref::is_first_largest(z, vocab_, label));
      const RowSum row = kernel_.exp_row(z, vocab_);
      losses[chunk.rows[i]] =
          static_cast<float>(std::log(static_cast<double>(row.sum)) + static_cast<double>(row.max) -
                             static_cast<double>(target));
      if (!gradient) continue;
      z[label] -= row.sum;
      scale(z, vocab_, upstream / row.sum);
    }
  });
}

void CrossEntropy::input_gradient(const Frame& frame, const Chunk& chunk) const noexcept {
  auto* dx = static_cast<std::byte*>(frame.d_in[0]);
  const bool add = frame.add[0] != 0, dense = chunk.dense();
  const auto row = [&](int64_t i) { return dx + static_cast<size_t>(chunk.rows[i]) * row_bytes(); };
  std::byte* target = dense ? row(0) : part<std::byte>(frame, layout_.dx);
  const auto held = [&](int64_t i) { return target + static_cast<size_t>(i) * row_bytes(); };
  for (int64_t i = 0; add && !dense && i < chunk.count; ++i) {
    std::memcpy(held(i), row(i), row_bytes());
  }
  input_gradient_->run(part<std::byte>(frame, layout_.logits), frame.in[1], target, chunk.count,
                       add, part<std::byte>(frame, layout_.gemm));
  for (int64_t i = 0; !dense && i < chunk.count; ++i) {
    std::memcpy(row(i), held(i), row_bytes());
  }
}

/// Returns how many of its labels have the largest logit.
int64_t CrossEntropy::run_chunk(const Frame& frame, const Chunk& chunk, bool gradient, bool first,
                                float upstream) const noexcept {
  const auto* x = static_cast<const std::byte*>(frame.in[0]);
  const std::byte* rows = x + static_cast<size_t>(chunk.rows[0]) * row_bytes();
  if (!chunk.dense()) {
    std::byte* gathered = part<std::byte>(frame, layout_.x);
    for (int64_t i = 0; i < chunk.count; ++i) {
      std::memcpy(gathered + static_cast<size_t>(i) * row_bytes(),
                  x + static_cast<size_t>(chunk.rows[i]) * row_bytes(), row_bytes());
    }
    rows = gathered;
  }
  void* logits = part<std::byte>(frame, layout_.logits);
  void* scratch = part<std::byte>(frame, layout_.gemm);
  logits_->run(rows, frame.in[1], logits, chunk.count, false, scratch);
  softmax(frame, chunk, gradient, upstream);
  const auto* right = part<uint8_t>(frame, layout_.right);
  const int64_t hits = std::count(right, right + chunk.count, uint8_t{1});
  if (!gradient) return hits;
  if (frame.d_in[0] != nullptr) input_gradient(frame, chunk);
  if (frame.d_in[1] != nullptr) {
    weight_gradient_->run(logits, rows, frame.d_in[1], chunk.count, frame.add[1] != 0 || !first,
                          scratch);
  }
  return hits;
}

void CrossEntropy::run(const Frame& frame, bool gradient) const noexcept {
  if (kernel_.exp_row == nullptr) {
    if (type_ == DType::f64) return cross_entropy_ref::run<double>(frame, dim_, vocab_, gradient);
    if (type_ == DType::f32) return cross_entropy_ref::run<float>(frame, dim_, vocab_, gradient);
    return cross_entropy_ref::run<bf16>(frame, dim_, vocab_, gradient);
  }
  const int64_t count = collect(frame, gradient);
  const int32_t* labelled = part<int32_t>(frame, layout_.labelled);
  const float upstream = frame.run.loss_scale / static_cast<float>(std::max<int64_t>(count, 1));
  int64_t hits = 0;
  for (int64_t at = 0; at < count; at += chunk_) {
    hits += run_chunk(frame, {labelled + at, std::min(chunk_, count - at)}, gradient, at == 0,
                      upstream);
  }
  if (count == 0 && gradient && frame.d_in[1] != nullptr) {
    weight_gradient_->run(nullptr, nullptr, frame.d_in[1], 0, frame.add[1] != 0, nullptr);
  }
  double total = 0;
  for (int64_t i = 0; i < count; ++i) {
    total += static_cast<double>(static_cast<const float*>(frame.out[2])[labelled[i]]);
  }
  static_cast<double*>(frame.out[0])[0] = count > 0 ? total / static_cast<double>(count) : 0;
  static_cast<double*>(frame.out[1])[0] = static_cast<double>(count);
  static_cast<double*>(frame.out[3])[0] = static_cast<double>(hits);
}

}  // namespace

std::unique_ptr<Op> make_cross_entropy(int64_t dim, int64_t vocab) {
  return std::make_unique<CrossEntropy>(dim, vocab);
}

}  // namespace weft
