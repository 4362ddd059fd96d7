#include "cli/op_attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "cli/single_op.h"
#include "ops/head_norm/head_norm.h"
#include "ops/rope/rope.h"

namespace weft::cli {
namespace {

struct Sizes {
  int64_t batch, queries, keys, heads, kv_heads, dim, value_dim;
};

[[noreturn]] void refuse(const io::SafeTensors& in, const std::string& name, std::string expected,
                         std::string got) {
  fail(ErrorCode::input, {in.path().string() + ": " + name, std::move(expected), std::move(got)});
}

/// A tensor of the file in type `to`, checked against a shape. Only narrowing is refused.
Tensor load(const io::SafeTensors& in, const std::string& name, const Shape& shape, DType to) {
  const io::SafeTensors::Entry* entry = in.find(name);
  if (entry == nullptr) refuse(in, name, TensorDesc{to, shape}.str(), "no such tensor");
  if (!(entry->desc.shape == shape)) refuse(in, name, shape.str(), entry->desc.shape.str());
  const DType from = entry->desc.dtype;
  if (from == to) return in.load(name);
  const bool floating = from == DType::f64 || from == DType::f32 || from == DType::bf16;
  if (!floating || size_of(from) > size_of(to)) {
    refuse(in, name, "the type " + std::string(name_of(to)), std::string(name_of(from)));
  }
  return convert(in.load(name).view(), to);
}

Sizes read_sizes(const io::SafeTensors& in) {
  const auto shape = [&](const char* name) {
    const io::SafeTensors::Entry* e = in.find(name);
    if (e == nullptr) refuse(in, name, "a tensor of four dimensions", "no such tensor");
    if (e->desc.shape.rank() != 4) refuse(in, name, "four dimensions", e->desc.str());
    if (e->desc.numel() == 0) refuse(in, name, "at least one element", e->desc.str());
    return e->desc.shape;
  };
  const Shape q = shape("q"), k = shape("k"), v = shape("v");
  const Sizes s{q[0], q[1], k[1], q[2], k[2], q[3], v[3]};
  const DType type = in.find("q")->desc.dtype;
  if (type != DType::f64 && type != DType::f32 && type != DType::bf16) {
    refuse(in, "q", "F64, F32 or BF16", std::string(name_of(type)));
  }
  for (const char* name : {"k", "v", "do"}) {
    const io::SafeTensors::Entry* e = in.find(name);
    if (e != nullptr && e->desc.dtype != type) {
      refuse(in, name, "the type of q, " + std::string(name_of(type)),
             std::string(name_of(e->desc.dtype)));
    }
  }
  if (s.keys < s.queries) {
    refuse(in, "k", fmt::format("at least {} keys, one a query", s.queries),
           std::to_string(s.keys));
  }
  if (s.heads % s.kv_heads != 0) {
    refuse(in, "k", fmt::format("heads that divide the {} of q", s.heads),
           std::to_string(s.kv_heads));
  }
  return s;
}

/// [B, T, ...] <-> rows [B * S, ...] of which the first S - T of every sequence are zero. A query
/// that stands before the ones asked for has no gradient of its output, so it changes nothing.
void into_rows(const Tensor& from, Tensor& rows, const Sizes& s) {
  const size_t block = from.desc().bytes() / static_cast<size_t>(s.batch);
  const size_t stride = rows.desc().bytes() / static_cast<size_t>(s.batch);
  for (size_t b = 0; b < static_cast<size_t>(s.batch); ++b) {
    std::memcpy(rows.as<char>() + b * stride + stride - block, from.as<char>() + b * block, block);
  }
}
Tensor from_rows(const Tensor& rows, const Shape& shape) {
  Tensor to(rows.dtype(), shape);
  const size_t block = to.desc().bytes() / static_cast<size_t>(shape[0]);
  const size_t stride = rows.desc().bytes() / static_cast<size_t>(shape[0]);
  for (size_t b = 0; b < static_cast<size_t>(shape[0]); ++b) {
    std::memcpy(to.as<char>() + b * block, rows.as<char>() + b * stride + stride - block, block);
  }
  return to;
}
void copy(const Tensor& from, Tensor& to) {
  std::memcpy(to.data(), from.data(), from.desc().bytes());
}

/// rope (of q and of k), attention, head norm: each an op of its own, all over S rows a sequence.
class Pipeline {
 public:
  Pipeline(const io::SafeTensors& in, const AttentionSettings& settings, const Runtime& runtime)
      : in_(in), settings_(settings), s_(read_sizes(in)), type_(in.find("q")->desc.dtype) {
    wide_ = type_ == DType::f64 ? DType::f64 : DType::f32;
    rem_ = !MechanismRegistry().find(settings.mechanism).traits.normalised;
    learned_ = has("remainder", "learned");
    if (in.find("drem") != nullptr && !rem_) {
      refuse(in, "drem", "a mechanism with a remainder", settings.mechanism);
    }
    context_ = {.runtime = runtime, .batch = s_.batch, .time = s_.keys};
    context_.training = in.find("do") != nullptr;
    run_ = {.batch = s_.batch, .time = s_.keys};
    plan();
  }

  std::vector<NamedResult> operator()() {
    fill();
    forward();
    const Tensor& o = norm_ ? norm_->out(0) : attention_->out(0);
    std::vector<NamedResult> results;
    results.push_back({"o", from_rows(o, {s_.batch, s_.queries, s_.heads, s_.value_dim})});
    if (rem_) {
      results.push_back({"rem", from_rows(attention_->out(1), {s_.batch, s_.queries, s_.heads})});
    }
    if (context_.training) backward(results);
    return results;
  }

 private:
  bool has(const char* arg, const char* value) const {
    const auto& values = settings_.mechanism_args.values();
    const auto it = values.find(arg);
    return it != values.end() && it->second == Arg(std::string(value));
  }
  TensorDesc rows(int64_t width) const { return {type_, {s_.batch * s_.keys, width}}; }

  void plan();
  AttentionSpec spec() const;
  void fill();
  void forward();
  void backward(std::vector<NamedResult>& results);

  const io::SafeTensors& in_;
  const AttentionSettings& settings_;
  Sizes s_;
  DType type_, wide_;
  bool rem_ = false, learned_ = false;
  PlanContext context_;
  RunArgs run_;
  std::unique_ptr<SingleOp> rope_q_, rope_k_, attention_, norm_;
};

AttentionSpec Pipeline::spec() const {
  AttentionSpec spec;
  spec.heads = s_.heads;
  spec.kv_heads = s_.kv_heads;
  spec.head_dim = s_.dim;
  spec.value_dim = s_.value_dim;
  spec.scale = settings_.scale;
  spec.window = settings_.window;
  spec.mechanism = settings_.mechanism;
  spec.args = settings_.mechanism_args;
  const PositionInfo& position = PositionRegistry().find(settings_.position);
  if (position.slopes != nullptr) spec.slopes = position.slopes(settings_.position_args, s_.heads);
  for (int64_t h = 0; h < s_.heads; ++h) spec.q.push_back({0, h * s_.dim});
  for (int64_t h = 0; h < s_.kv_heads; ++h) {
    spec.k.push_back({1, h * s_.dim});
    spec.v.push_back({2, h * s_.value_dim});
  }
  spec.remainder = learned_ ? 3 : -1;
  spec.return_remainder = rem_;
  return spec;
}

void Pipeline::plan() {
  std::vector<TensorDesc> inputs = {rows(s_.heads * s_.dim), rows(s_.kv_heads * s_.dim),
                                    rows(s_.kv_heads * s_.value_dim)};
  if (learned_) inputs.push_back({wide_, {s_.heads, s_.value_dim}});
  attention_ = std::make_unique<SingleOp>(make_attention(spec()), inputs, context_);
  const std::string& wanted = context_.runtime.kernel;
  if (!wanted.empty() && attention_->plan().kernel != wanted) {
    std::string why;
    for (const std::string& refused : attention_->plan().refused) {
      if (refused.rfind(wanted + ": ", 0) == 0) why = refused;
    }
    fail(ErrorCode::usage, {"op attention: --kernel", "a kernel that can run here",
                            why.empty() ? wanted : why, "see weft kernels"});
  }
  // The kernel was chosen for the attention; the ops around it have lists of their own.
  PlanContext around = context_;
  around.runtime.kernel.clear();
  if (PositionRegistry().find(settings_.position).rotates) {
    const double theta = settings_.position_args.number("theta");
    rope_q_ = std::make_unique<SingleOp>(make_rope(s_.heads, s_.dim, theta),
                                         std::span(&inputs[0], 1), around);
    rope_k_ = std::make_unique<SingleOp>(make_rope(s_.kv_heads, s_.dim, theta),
                                         std::span(&inputs[1], 1), around);
  }
  if (has("head_norm", "group")) {
    const int64_t width = s_.heads * s_.value_dim;
    const TensorDesc norm_inputs[] = {rows(width), {wide_, {width}}, {wide_, {width}}};
    norm_ = std::make_unique<SingleOp>(make_head_norm(s_.heads, s_.value_dim), norm_inputs, around);
    for (int64_t i = 0; i < width; ++i) set(norm_->in(1).view(), i, 1);
  }
}

void Pipeline::fill() {
  const Shape k{s_.batch, s_.keys, s_.kv_heads, s_.dim};
  const Shape v{s_.batch, s_.keys, s_.kv_heads, s_.value_dim};
  const Shape o{s_.batch, s_.queries, s_.heads, s_.value_dim};
  into_rows(load(in_, "q", {s_.batch, s_.queries, s_.heads, s_.dim}, type_),
            rope_q_ ? rope_q_->in(0) : attention_->in(0), s_);
  into_rows(load(in_, "k", k, type_), rope_k_ ? rope_k_->in(0) : attention_->in(1), s_);
  into_rows(load(in_, "v", v, type_), attention_->in(2), s_);
  if (learned_) copy(load(in_, "w", {s_.heads, s_.value_dim}, wide_), attention_->in(3));
  if (!context_.training) return;
  into_rows(load(in_, "do", o, type_), norm_ ? norm_->d_out(0) : attention_->d_out(0), s_);
  if (in_.find("drem") != nullptr) {
    into_rows(load(in_, "drem", {s_.batch, s_.queries, s_.heads}, wide_), attention_->d_out(1), s_);
  }
}

void Pipeline::forward() {
  if (rope_q_) {
    rope_q_->forward(run_);
    rope_k_->forward(run_);
    copy(rope_q_->out(0), attention_->in(0));
    copy(rope_k_->out(0), attention_->in(1));
  }
  attention_->forward(run_);
  if (!norm_) return;
  copy(attention_->out(0), norm_->in(0));
  norm_->forward(run_);
}

void Pipeline::backward(std::vector<NamedResult>& results) {
  if (norm_) {
    norm_->backward(run_);
    copy(norm_->d_in(0), attention_->d_out(0));
  }
  attention_->backward(run_);
  if (rope_q_) {
    copy(attention_->d_in(0), rope_q_->d_out(0));
    copy(attention_->d_in(1), rope_k_->d_out(0));
    rope_q_->backward(run_);
    rope_k_->backward(run_);
  }
  const Tensor& dq = rope_q_ ? rope_q_->d_in(0) : attention_->d_in(0);
  const Tensor& dk = rope_k_ ? rope_k_->d_in(0) : attention_->d_in(1);
  results.push_back({"dq", from_rows(dq, {s_.batch, s_.queries, s_.heads, s_.dim})});
  results.push_back({"dk", from_rows(dk, {s_.batch, s_.keys, s_.kv_heads, s_.dim})});
  results.push_back(
      {"dv", from_rows(attention_->d_in(2), {s_.batch, s_.keys, s_.kv_heads, s_.value_dim})});
  if (!learned_) return;
  Tensor dw(wide_, {s_.heads, s_.value_dim});
  copy(attention_->d_in(3), dw);
  results.push_back({"dw", std::move(dw)});
}

}  // namespace

std::vector<NamedResult> run_attention(const io::SafeTensors& in, const AttentionSettings& settings,
                                       const Runtime& runtime) {
  return Pipeline(in, settings, runtime)();
}

}  // namespace weft::cli
