#include "cli/op_attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>

#include "base/error.h"
#include "cli/single_op.h"
#include "ops/rope/rope.h"

namespace weft::cli {
namespace {

struct Sizes {
  int64_t batch, queries, keys, heads, kv_heads, dim, value_dim;
  int64_t sets;  ///< of keys and values
};

[[noreturn]] void refuse(const io::SafeTensors& in, const std::string& name, std::string expected,
                         std::string got) {
  fail(ErrorCode::input, {in.path().string() + ": " + name, std::move(expected), std::move(got)});
}

/// A tensor of the file in type `to`, checked against a shape, as it lies. Only narrowing is
/// refused.
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

Sizes read_sizes(const io::SafeTensors& in, AxisOrder order) {
  refuse_other_layout(in, order);
  const auto shape = [&](const char* name) {
    const io::SafeTensors::Entry* e = in.find(name);
    if (e == nullptr) refuse(in, name, "a tensor of four dimensions", "no such tensor");
    if (e->desc.shape.rank() != 4) refuse(in, name, "four dimensions", e->desc.str());
    if (e->desc.numel() == 0) refuse(in, name, "at least one element", e->desc.str());
    return order == AxisOrder::bthd ? e->desc.shape : swapped(e->desc.shape);
  };
  const Shape q = shape("q"), k = shape("k"), v = shape("v");
  const bool second = in.find("k2") != nullptr || in.find("v2") != nullptr;
  const Sizes s{q[0], q[1], k[1], q[2], k[2], q[3], v[3], second ? 2 : 1};
  const DType type = in.find("q")->desc.dtype;
  if (type != DType::f64 && type != DType::f32 && type != DType::bf16) {
    refuse(in, "q", "F64, F32 or BF16", std::string(name_of(type)));
  }
  for (const char* name : {"k", "v", "k2", "v2", "do"}) {
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

/// What the file calls a parameter of the mechanism.
std::string file_name(const MechanismParameter& parameter) {
  return parameter.name == "remainder" ? "w" : parameter.name;
}

/// rope (of q and of every k), attention, the mechanism's output op: each an op of its own, all
/// over S rows a sequence.
class Pipeline {
 public:
  Pipeline(const io::SafeTensors& in, const AttentionSettings& settings, const Runtime& runtime)
      : in_(in),
        settings_(settings),
        s_(read_sizes(in, settings.order)),
        type_(in.find("q")->desc.dtype) {
    wide_ = type_ == DType::f64 ? DType::f64 : DType::f32;
    const Args& args = settings.mechanism_args;
    rem_ = mechanism_.settings(args).leaves_rest;
    for (MechanismParameter& p : mechanism_.parameters(args, s_.heads, s_.value_dim)) {
      (p.reader == MechanismParameter::Reader::output ? output_parameters_ : parameters_)
          .push_back(std::move(p));
    }
    const auto shapes = parameter_shapes(mechanism_.settings(args), s_.heads, s_.dim, s_.value_dim);
    for (size_t n = 0; n < shapes.size(); ++n) parameters_[n].shape = shapes[n];
    if (in.find("drem") != nullptr && !rem_) {
      refuse(in, "drem", "a mechanism with a remainder", settings.mechanism);
    }
    context_ = {.runtime = runtime, .batch = s_.batch, .time = s_.keys};
    context_.training = in.find("do") != nullptr;
    run_ = {.batch = s_.batch, .time = s_.keys};
    plan();
  }

  AttentionRun operator()() {
    fill();
    const auto start = std::chrono::steady_clock::now();
    std::vector<NamedResult> results = compute();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    for (NamedResult& r : results) {
      if (settings_.order == AxisOrder::bhtd && r.tensor.shape().rank() >= 3) {
        r.tensor = swapped(r.tensor);
      }
    }
    return {std::move(results),
            attention_->plan().kernel,
            s_.batch,
            s_.queries,
            s_.keys,
            s_.heads,
            s_.kv_heads,
            s_.dim,
            s_.value_dim,
            took.count()};
  }

 private:
  std::vector<NamedResult> compute() {
    forward();
    const Tensor& o = output_ ? output_->out(0) : attention_->out(0);
    std::vector<NamedResult> results;
    results.push_back({"o", from_rows(o, {s_.batch, s_.queries, s_.heads, s_.value_dim})});
    if (rem_) {
      results.push_back({"rem", from_rows(attention_->out(1), {s_.batch, s_.queries, s_.heads})});
    }
    if (context_.training) backward(results);
    return results;
  }

  /// A tensor of the file whose shape is given in the order of the kernels, in that order.
  Tensor read(const std::string& name, const Shape& shape, DType to) const {
    if (settings_.order == AxisOrder::bthd) return load(in_, name, shape, to);
    return swapped(load(in_, name, swapped(shape), to));
  }

  TensorDesc rows(int64_t width) const { return {type_, {s_.batch * s_.keys, width}}; }

  // Inputs of the attention: q, k and v of each set, parameters.
  size_t sets() const { return static_cast<size_t>(s_.sets); }
  size_t first_parameter() const { return 1 + 2 * sets(); }
  static std::string set_name(const char* name, size_t set) {
    return set == 0 ? name : name + std::to_string(set + 1);
  }
  /// Where an input of the attention, or what is turned into it, is filled in; and its gradient.
  Tensor& source(size_t input) {
    const auto rope = ropes_.find(input);
    return rope == ropes_.end() ? attention_->in(input) : rope->second->in(0);
  }
  Tensor& gradient(size_t input) {
    const auto rope = ropes_.find(input);
    return rope == ropes_.end() ? attention_->d_in(input) : rope->second->d_in(0);
  }

  void plan();
  void plan_output(const PlanContext& context);
  AttentionSpec spec() const;
  void fill();
  void forward();
  void backward(std::vector<NamedResult>& results);

  const io::SafeTensors& in_;
  const AttentionSettings& settings_;
  const MechanismRegistry registry_;
  const MechanismInfo& mechanism_ = registry_.find(settings_.mechanism);
  Sizes s_;
  DType type_, wide_;
  bool rem_ = false;
  std::vector<MechanismParameter> parameters_, output_parameters_;  ///< by their readers
  PlanContext context_;
  RunArgs run_;
  std::unique_ptr<SingleOp> attention_, output_;
  std::map<size_t, std::unique_ptr<SingleOp>> ropes_;  ///< by the input that each makes
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
  for (int64_t e = 0; e < s_.sets * s_.kv_heads; ++e) {
    const auto set = static_cast<int>(e / s_.kv_heads);
    const int64_t head = e % s_.kv_heads;
    spec.k.push_back({1 + 2 * set, head * s_.dim});
    spec.v.push_back({2 + 2 * set, head * s_.value_dim});
  }
  for (size_t n = 0; n < parameters_.size(); ++n) {
    spec.parameters.push_back(static_cast<int>(first_parameter() + n));
  }
  spec.return_remainder = rem_;
  return spec;
}

void Pipeline::plan() {
  std::vector<TensorDesc> inputs = {rows(s_.heads * s_.dim)};
  for (size_t set = 0; set < sets(); ++set) {
    inputs.push_back(rows(s_.kv_heads * s_.dim));
    inputs.push_back(rows(s_.kv_heads * s_.value_dim));
  }
  for (const MechanismParameter& p : parameters_) inputs.push_back({wide_, p.shape});
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
    const auto turn = [&](size_t input, int64_t heads) {
      ropes_[input] = std::make_unique<SingleOp>(make_rope(heads, s_.dim, theta),
                                                 std::span(&inputs[input], 1), around);
    };
    turn(0, s_.heads);
    for (size_t set = 0; set < sets(); ++set) turn(1 + 2 * set, s_.kv_heads);
  }
  plan_output(around);
}

// The op on the output belongs to the model's block, so it runs only where an argument is set that
// asks for it.
void Pipeline::plan_output(const PlanContext& context) {
  const Args& args = settings_.mechanism_args;
  const bool given = std::any_of(args.values().begin(), args.values().end(),
                                 [&](const auto& entry) { return args.given(entry.first); });
  if (!given || mechanism_.output_op == nullptr) return;
  auto op = mechanism_.output_op(args, s_.heads, s_.value_dim);
  if (op == nullptr) return;
  std::vector<TensorDesc> inputs = {rows(s_.heads * s_.value_dim)};
  for (const MechanismParameter& p : output_parameters_) inputs.push_back({wide_, p.shape});
  output_ = std::make_unique<SingleOp>(std::move(op), inputs, context);
  for (size_t n = 0; n < output_parameters_.size(); ++n) {
    const Tensor& parameter = output_->in(n + 1);
    for (int64_t i = 0; i < parameter.numel(); ++i) {
      set(parameter.view(), i, output_parameters_[n].init);
    }
  }
}

void Pipeline::fill() {
  const Shape k{s_.batch, s_.keys, s_.kv_heads, s_.dim};
  const Shape v{s_.batch, s_.keys, s_.kv_heads, s_.value_dim};
  const Shape o{s_.batch, s_.queries, s_.heads, s_.value_dim};
  into_rows(read("q", {s_.batch, s_.queries, s_.heads, s_.dim}, type_), source(0), s_);
  for (size_t set = 0; set < sets(); ++set) {
    into_rows(read(set_name("k", set), k, type_), source(1 + 2 * set), s_);
    into_rows(read(set_name("v", set), v, type_), source(2 + 2 * set), s_);
  }
  for (size_t n = 0; n < parameters_.size(); ++n) {
    copy(load(in_, file_name(parameters_[n]), parameters_[n].shape, wide_),
         attention_->in(first_parameter() + n));
  }
  if (!context_.training) return;
  into_rows(read("do", o, type_), output_ ? output_->d_out(0) : attention_->d_out(0), s_);
  if (in_.find("drem") != nullptr) {
    into_rows(read("drem", {s_.batch, s_.queries, s_.heads}, wide_), attention_->d_out(1), s_);
  }
}

void Pipeline::forward() {
  for (auto& [input, rope] : ropes_) {
    rope->forward(run_);
    copy(rope->out(0), attention_->in(input));
  }
  attention_->forward(run_);
  if (!output_) return;
  copy(attention_->out(0), output_->in(0));
  output_->forward(run_);
}

void Pipeline::backward(std::vector<NamedResult>& results) {
  if (output_) {
    output_->backward(run_);
    copy(output_->d_in(0), attention_->d_out(0));
  }
  attention_->backward(run_);
  for (auto& [input, rope] : ropes_) {
    copy(attention_->d_in(input), rope->d_out(0));
    rope->backward(run_);
  }
  const Shape k{s_.batch, s_.keys, s_.kv_heads, s_.dim};
  const Shape v{s_.batch, s_.keys, s_.kv_heads, s_.value_dim};
  results.push_back({"dq", from_rows(gradient(0), {s_.batch, s_.queries, s_.heads, s_.dim})});
  for (size_t set = 0; set < sets(); ++set) {
    results.push_back({"d" + set_name("k", set), from_rows(gradient(1 + 2 * set), k)});
    results.push_back({"d" + set_name("v", set), from_rows(gradient(2 + 2 * set), v)});
  }
  for (size_t n = 0; n < parameters_.size(); ++n) {
    Tensor sum(wide_, parameters_[n].shape);
    copy(attention_->d_in(first_parameter() + n), sum);
    results.push_back({"d" + file_name(parameters_[n]), std::move(sum)});
  }
}

}  // namespace

AttentionRun run_attention(const io::SafeTensors& in, const AttentionSettings& settings,
                           const Runtime& runtime) {
  return Pipeline(in, settings, runtime)();
}

}  // namespace weft::cli
