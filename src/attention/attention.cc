#include "attention/attention.h"

#include <algorithm>
#include <cmath>

#include "attention/tile.h"
#include "base/error.h"

namespace weft {
namespace {

[[noreturn]] void refuse(std::string expected, std::string got, std::string hint = "") {
  fail(ErrorCode::config, {"attention", std::move(expected), std::move(got), std::move(hint)});
}
std::string count(size_t n) {
  return std::to_string(n);
}
std::string count(int64_t n) {
  return std::to_string(n);
}

void expect_heads(const char* what, const std::vector<HeadRef>& refs, int64_t n) {
  if (static_cast<int64_t>(refs.size()) != n) {
    refuse(count(n) + " heads of " + what, count(refs.size()));
  }
}

/// Slot numbers of heads that may share columns, in the order of first use within an owner.
void number_slots(const std::vector<HeadRef>& refs, std::span<const int32_t> heads,
                  std::vector<int32_t>& slot, int& most) {
  std::vector<HeadRef> seen;
  for (const int32_t h : heads) {
    const HeadRef& ref = refs[static_cast<size_t>(h)];
    const auto at = std::find(seen.begin(), seen.end(), ref);
    slot[static_cast<size_t>(h)] = static_cast<int32_t>(at - seen.begin());
    if (at == seen.end()) seen.push_back(ref);
  }
  most = std::max(most, static_cast<int>(seen.size()));
}

class Attention final : public Op {
 public:
  Attention(const MechanismInfo& info, const AttentionSpec& spec) : info_(info), spec_(spec) {
    check_spec();
    group_owners();
  }

  std::string_view name() const override { return "attention"; }
  OpPlan plan(std::span<const TensorDesc> in, const PlanContext& context) override;
  void forward(const Frame& f) const noexcept override {
    kernel_.forward(problem_, run_of(f), f.runtime, kernel_.tiles);
  }
  void backward(const Frame& f) const noexcept override {
    AttentionRun run = run_of(f);
    run.d_o = f.d_out[0];
    run.d_rem = spec_.return_remainder ? f.d_out[1] : nullptr;
    run.d_in = f.d_in.data();
    run.add = f.add.data();
    kernel_.backward(problem_, run, f.runtime, kernel_.tiles);
  }

 private:
  std::vector<Shape> shapes_of_parameters() const {
    return parameter_shapes(settings_, spec_.heads, spec_.head_dim, spec_.value_dim);
  }
  void check_spec();
  bool share_columns(size_t head, size_t other) const;
  void check_recurrent() const;
  void group_owners();
  void check_inputs(std::span<const TensorDesc> in, const PlanContext& context);
  void check_state(std::span<const TensorDesc> in, const PlanContext& context) const;
  void check_overlap(const std::vector<HeadRef>& a, int64_t dim_a, const std::vector<HeadRef>& b,
                     int64_t dim_b, bool same_list) const;
  std::vector<HeadSource> fresh(const std::vector<HeadRef>& refs, int64_t dim, const char* what,
                                std::span<const TensorDesc> in, int64_t rows) const;
  std::vector<HeadSource> cached(const std::vector<HeadRef>& refs, int64_t dim, const char* what,
                                 std::span<const TensorDesc> in, const PlanContext& context) const;
  void fill_problem(const PlanContext& context);
  void fill_plan(std::span<const TensorDesc> in, const PlanContext& context, OpPlan& plan) const;
  /// Where what arrives at the blocks of a row is no more than its output, it is saved instead of
  /// computed again by a walk of its own, a sixth of the backward.
  bool saves_starts() const {
    return kernel_.tiles != nullptr && kernel_.tiles->two_walks &&
           problem_.most_blocks <= spec_.value_dim;
  }
  AttentionRun run_of(const Frame& f) const;

  const MechanismInfo& info_;
  AttentionSpec spec_;
  MechanismSettings settings_;
  DType type_ = DType::f32;
  AttentionKernel kernel_{};
  AttentionProblem problem_{};
  std::vector<HeadSource> q_, k_, v_, k_past_, v_past_;
  std::vector<int32_t> owner_begin_, owner_heads_, k_slot_, v_slot_;
  int slots_ = 1, sets_ = 1;
};

void Attention::check_spec() {
  AttentionSpec& s = spec_;
  if (s.heads < 1 || s.kv_heads < 1 || s.heads % s.kv_heads != 0) {
    refuse("kv_heads that divide heads", count(s.kv_heads) + " and " + count(s.heads));
  }
  if (s.value_dim == 0) s.value_dim = s.head_dim;
  if (s.head_dim < 1 || s.value_dim < 1) refuse("head_dim > 0", count(s.head_dim));
  if (s.window < 0) refuse("window >= 0", count(s.window));
  s.args = info_.settled(s.args);
  settings_ = info_.settings(s.args);
  if (s.scale == 0) s.scale = 1 / std::sqrt(static_cast<double>(s.head_dim));
  expect_heads("q", s.q, s.heads);
  sets_ = std::max(1, static_cast<int>(static_cast<int64_t>(s.k.size()) / s.kv_heads));
  expect_heads("k", s.k, sets_ * s.kv_heads);
  expect_heads("v", s.v, sets_ * s.kv_heads);
  if (!s.k_past.empty() || !s.v_past.empty()) {
    expect_heads("cached k", s.k_past, sets_ * s.kv_heads);
    expect_heads("cached v", s.v_past, sets_ * s.kv_heads);
  }
  if (!s.slopes.empty() && static_cast<int64_t>(s.slopes.size()) != s.heads) {
    refuse(count(s.heads) + " slopes", count(s.slopes.size()));
  }
  if (s.parameters.size() != shapes_of_parameters().size()) {
    refuse(count(shapes_of_parameters().size()) + " inputs with parameters of " +
               std::string(info_.name),
           count(s.parameters.size()));
  }
  if (s.return_remainder && !settings_.leaves_rest) {
    refuse("a mechanism with a remainder", std::string(info_.name));
  }
  check_recurrent();
  check_overlap(s.q, s.head_dim, s.k, s.head_dim, false);
  check_overlap(s.q, s.head_dim, s.v, s.value_dim, false);
  check_overlap(s.k, s.head_dim, s.v, s.value_dim, false);
  check_overlap(s.q, s.head_dim, s.q, s.head_dim, true);
  for (size_t i = 0; i < s.q.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (s.q[i] == s.q[j]) refuse("every query head in columns of its own", "two in the same");
    }
  }
}

void Attention::check_recurrent() const {
  const std::string name(info_.name);
  if (!info_.traits.recurrent) {
    if (spec_.state >= 0) refuse("no state under mechanism " + name, "an input for it");
    return;
  }
  if (!spec_.slopes.empty()) refuse("no slopes under mechanism " + name, "slopes");
  if (spec_.window != 0) refuse("window 0 under mechanism " + name, count(spec_.window));
  if (!spec_.k_past.empty() || !spec_.v_past.empty()) {
    refuse("a state instead of a cache under mechanism " + name, "a cache");
  }
}

/// Gradients are written by columns, so ranges are either the same or disjoint.
void Attention::check_overlap(const std::vector<HeadRef>& a, int64_t dim_a,
                              const std::vector<HeadRef>& b, int64_t dim_b, bool same_list) const {
  for (const HeadRef& x : a) {
    for (const HeadRef& y : b) {
      if (same_list && x == y) continue;
      if (x.input == y.input && x.column < y.column + dim_b && y.column < x.column + dim_a) {
        refuse("heads in disjoint columns", "columns " + count(x.column) + " and " +
                                                count(y.column) + " of input " +
                                                std::to_string(x.input));
      }
    }
  }
}

bool Attention::share_columns(size_t head, size_t other) const {
  const auto n = static_cast<size_t>(spec_.kv_heads);
  for (size_t a = head; a < spec_.k.size(); a += n) {
    for (size_t b = other; b < spec_.k.size(); b += n) {
      if (spec_.k[a] == spec_.k[b] || spec_.v[a] == spec_.v[b]) return true;
    }
  }
  return false;
}

void Attention::group_owners() {
  const auto n = static_cast<size_t>(spec_.kv_heads);
  std::vector<size_t> owner(n);
  for (size_t h = 0; h < n; ++h) {
    owner[h] = h;
    for (size_t other = 0; other < h; ++other) {
      if (!share_columns(h, other)) continue;
      const size_t from = owner[h], to = owner[other];  // merge the two groups
      for (size_t m = 0; m <= h; ++m) {
        if (owner[m] == from) owner[m] = to;
      }
    }
  }
  k_slot_.assign(spec_.k.size(), 0);
  v_slot_.assign(spec_.v.size(), 0);
  owner_begin_ = {0};
  for (size_t o = 0; o < n; ++o) {
    std::vector<int32_t> entries;  // of the owner, set after set
    for (size_t e = 0; e < spec_.k.size(); ++e) {
      if (owner[e % n] == o) entries.push_back(static_cast<int32_t>(e));
    }
    if (entries.empty()) continue;
    const auto heads = static_cast<std::ptrdiff_t>(entries.size()) / sets_;
    owner_heads_.insert(owner_heads_.end(), entries.begin(), entries.begin() + heads);
    owner_begin_.push_back(static_cast<int32_t>(owner_heads_.size()));
    number_slots(spec_.k, entries, k_slot_, slots_);
    number_slots(spec_.v, entries, v_slot_, slots_);
  }
}

std::vector<HeadSource> Attention::fresh(const std::vector<HeadRef>& refs, int64_t dim,
                                         const char* what, std::span<const TensorDesc> in,
                                         int64_t rows) const {
  std::vector<HeadSource> heads;
  for (const HeadRef& ref : refs) {
    if (ref.input < 0 || ref.input >= static_cast<int>(in.size())) {
      refuse(std::string("an input of the op for ") + what, std::to_string(ref.input));
    }
    const TensorDesc& t = in[static_cast<size_t>(ref.input)];
    if (t.dtype != type_ || t.shape.rank() != 2 || t.shape[0] < rows || ref.column < 0 ||
        ref.column + dim > t.shape[1]) {
      refuse(std::string(what) + " of " + std::string(name_of(type_)) + "[rows, at least " +
                 count(ref.column + dim) + "]",
             t.str());
    }
    heads.push_back({ref.input, ref.column, t.shape[1], 0});
  }
  return heads;
}

std::vector<HeadSource> Attention::cached(const std::vector<HeadRef>& refs, int64_t dim,
                                          const char* what, std::span<const TensorDesc> in,
                                          const PlanContext& context) const {
  std::vector<HeadSource> heads;
  for (const HeadRef& ref : refs) {
    if (ref.input < 0 || ref.input >= static_cast<int>(in.size())) {
      refuse(std::string("an input of the op for cached ") + what, std::to_string(ref.input));
    }
    const TensorDesc& t = in[static_cast<size_t>(ref.input)];
    const Shape& shape = t.shape;
    if (t.dtype != type_ || shape.rank() != 4 || shape[0] < context.batch || ref.column < 0 ||
        ref.column >= shape[1] || shape[2] < 1 || shape[3] != dim) {
      refuse(std::string("cached ") + what + " of " + std::string(name_of(type_)) +
                 "[batch, heads, capacity, " + count(dim) + "]",
             t.str());
    }
    const int64_t needed =
        spec_.window > 0 ? std::min(spec_.window, context.context) : context.context;
    if (shape[2] < needed) {
      refuse("a cache of at least " + count(needed) + " positions", count(shape[2]));
    }
    heads.push_back({ref.input, ref.column, shape[1], shape[2]});
  }
  return heads;
}

void Attention::check_inputs(std::span<const TensorDesc> in, const PlanContext& context) {
  const int64_t rows = context.rows();
  q_ = fresh(spec_.q, spec_.head_dim, "q", in, rows);
  k_ = fresh(spec_.k, spec_.head_dim, "k", in, rows);
  v_ = fresh(spec_.v, spec_.value_dim, "v", in, rows);
  k_past_ = cached(spec_.k_past, spec_.head_dim, "k", in, context);
  v_past_ = cached(spec_.v_past, spec_.value_dim, "v", in, context);
  problem_.least_capacity = problem_.most_capacity = k_past_.empty() ? 0 : k_past_[0].capacity;
  for (const auto* list : {&k_past_, &v_past_}) {
    for (const HeadSource& h : *list) {
      problem_.least_capacity = std::min(problem_.least_capacity, h.capacity);
      problem_.most_capacity = std::max(problem_.most_capacity, h.capacity);
    }
  }
  for (size_t n = 0; n < spec_.parameters.size(); ++n) {
    const int parameter = spec_.parameters[n];
    const DType exact = type_ == DType::f64 ? DType::f64 : DType::f32;
    const TensorDesc expected{exact, shapes_of_parameters()[n]};
    const bool there = parameter >= 0 && parameter < static_cast<int>(in.size());
    if (!there || in[static_cast<size_t>(parameter)] != expected) {
      refuse("a parameter of " + expected.str(),
             there ? in[static_cast<size_t>(parameter)].str() : "no such input");
    }
  }
}

void Attention::check_state(std::span<const TensorDesc> in, const PlanContext& context) const {
  if (spec_.state < 0) return;
  const DType exact = type_ == DType::f64 ? DType::f64 : DType::f32;
  const Shape one = info_.state(spec_.args, spec_.kv_heads, spec_.head_dim, spec_.value_dim);
  const bool there = spec_.state < static_cast<int>(in.size());
  const TensorDesc got = there ? in[static_cast<size_t>(spec_.state)] : TensorDesc{};
  bool fits = there && got.dtype == exact && got.shape.rank() == one.rank() + 1 &&
              got.shape[0] >= context.batch;
  for (int i = 0; fits && i < one.rank(); ++i) fits = got.shape[i + 1] == one[i];
  if (!fits) {
    refuse("a state of " + std::string(name_of(exact)) + " [batch, then " + one.str() + "]",
           there ? got.str() : "no such input");
  }
}

void Attention::fill_problem(const PlanContext& context) {
  AttentionProblem& p = problem_;
  p.heads = spec_.heads;
  p.kv_heads = spec_.kv_heads;
  p.head_dim = spec_.head_dim;
  p.value_dim = spec_.value_dim;
  p.window = spec_.window;
  p.scale_exact = spec_.scale;
  p.scale = static_cast<float>(spec_.scale);
  p.settings = settings_;
  p.slopes = spec_.slopes.empty() ? nullptr : spec_.slopes.data();
  p.q = q_.data();
  p.k = k_.data();
  p.v = v_.data();
  p.k_past = k_past_.empty() ? nullptr : k_past_.data();
  p.v_past = v_past_.empty() ? nullptr : v_past_.data();
  p.sets = sets_;
  p.sink_input = settings_.sink == Sink::key ? spec_.parameters.front() : -1;
  p.remainder_input = settings_.remainder == Remainder::learned ? spec_.parameters.back() : -1;
  p.parameters_are_f32 = type_ != DType::f64;
  p.owners = static_cast<int>(owner_begin_.size()) - 1;
  p.owner_begin = owner_begin_.data();
  p.owner_heads = owner_heads_.data();
  p.k_slot = k_slot_.data();
  p.v_slot = v_slot_.data();
  p.slots = slots_;
  p.max_batch = context.batch;
  p.max_time = context.time;
  p.most_blocks = context.time / kBlock + 2;  // documents and windows begin within one
  p.threads = context.runtime.threads;
  // Eight tasks keep a small machine busy; the number follows from the shape alone, so that results
  // do not depend on the threads.
  constexpr int64_t kTasks = 8;
  const int64_t tasks = context.batch * p.owners;
  p.parts = static_cast<int>(tasks >= kTasks ? 1 : (kTasks + tasks - 1) / tasks);
}

void Attention::fill_plan(std::span<const TensorDesc> in, const PlanContext& context,
                          OpPlan& plan) const {
  const int64_t rows = context.rows();
  const DType wide = type_ == DType::f64 ? DType::f64 : DType::f32;
  plan.outputs = {{type_, Shape{rows, spec_.heads * spec_.value_dim}}};
  if (spec_.return_remainder) plan.outputs.push_back({wide, Shape{rows, spec_.heads}});
  if (context.training && kernel_.tiles != nullptr) {
    plan.saved = {{DType::f32, Shape{rows, spec_.heads}}, {DType::i32, Shape{rows, spec_.heads}}};
    if (type_ == DType::bf16 && settings_.reads_output) plan.saved.push_back(plan.outputs[0]);
    if (saves_starts()) {
      plan.saved.push_back({DType::f32, Shape{rows, spec_.heads, problem_.most_blocks}});
    }
  }
  plan.forward_scratch = kernel_.forward_scratch(problem_, kernel_.tiles);
  if (context.training) plan.backward_scratch = kernel_.backward_scratch(problem_, kernel_.tiles);
  plan.backward_reads_input.assign(in.size(), true);
  plan.backward_reads_output.assign(plan.outputs.size(), false);
  plan.backward_reads_output[0] = settings_.reads_output;
  plan.differentiable.assign(in.size(), true);
  for (const auto* past : {&spec_.k_past, &spec_.v_past}) {
    for (const HeadRef& ref : *past) plan.differentiable[static_cast<size_t>(ref.input)] = false;
  }
  if (spec_.state >= 0) plan.differentiable[static_cast<size_t>(spec_.state)] = false;
  const double keys = spec_.window > 0 ? static_cast<double>(std::min(spec_.window, context.time))
                                       : static_cast<double>(context.time) / 2;
  const double pairs = static_cast<double>(sets_ * rows * spec_.heads) *
                       (context.context > 0 ? static_cast<double>(context.context) : keys);
  const auto dims = static_cast<double>(spec_.head_dim + spec_.value_dim);
  plan.forward.flops = 2 * pairs * dims;
  plan.backward.flops =
      pairs * (6 * static_cast<double>(spec_.head_dim) + 4 * static_cast<double>(spec_.value_dim));
  if (info_.traits.recurrent) {  // a row updates and reads the state, however many keys there were
    const double work = static_cast<double>(rows * spec_.heads) *
                        static_cast<double>(spec_.head_dim * spec_.value_dim);
    plan.forward.flops = 4 * work;
    plan.backward.flops = 10 * work;
  }
  const double row_bytes = static_cast<double>(size_of(type_)) * static_cast<double>(rows) * dims *
                           static_cast<double>(spec_.heads + sets_ * spec_.kv_heads);
  plan.forward.bytes = row_bytes;
  plan.backward.bytes = 3 * row_bytes;
}

OpPlan Attention::plan(std::span<const TensorDesc> in, const PlanContext& context) {
  if (in.empty() || spec_.q.front().input < 0 ||
      spec_.q.front().input >= static_cast<int>(in.size())) {
    refuse("the input that q refers to", count(in.size()) + " inputs");
  }
  if (context.training && (!spec_.k_past.empty() || spec_.state >= 0)) {
    refuse("training without caches (they take no gradient)", "a plan for training with them",
           "run the whole sequence as fresh keys");
  }
  type_ = in[static_cast<size_t>(spec_.q.front().input)].dtype;
  OpPlan plan;
  const auto& kernel =
      choose<AttentionKernelOf>(name(), info_.kernels, type_, context.runtime, plan.refused);
  kernel_ = kernel.functions(type_);
  plan.kernel = kernel.tag.name;
  check_inputs(in, context);
  check_state(in, context);
  fill_problem(context);
  fill_plan(in, context, plan);
  return plan;
}

AttentionRun Attention::run_of(const Frame& f) const {
  AttentionRun run{};
  run.batch = f.run.batch;
  run.time = f.run.time;
  run.past = f.run.past;
  run.first_key = f.run.first_key;
  run.in = f.in.data();
  run.o = f.out[0];
  run.rem = spec_.return_remainder ? f.out[1] : nullptr;
  if (f.saved.size() >= 2) {
    run.statistic = f.saved[0];
    run.visited = static_cast<int32_t*>(f.saved[1]);
  }
  if (f.saved.size() == 3) {
    saves_starts() ? run.starts = static_cast<float*>(f.saved[2]) : run.o_rest = f.saved[2];
  }
  run.state = spec_.state < 0 ? nullptr : f.in[static_cast<size_t>(spec_.state)];
  run.scratch = static_cast<char*>(f.scratch);
  return run;
}

}  // namespace

std::vector<Shape> parameter_shapes(const MechanismSettings& settings, int64_t heads,
                                    int64_t head_dim, int64_t value_dim) {
  std::vector<Shape> shapes;
  if (settings.sink == Sink::key) shapes.push_back({heads, head_dim});
  if (settings.remainder == Remainder::learned) shapes.push_back({heads, value_dim});
  return shapes;
}

std::unique_ptr<Op> make_streaming(const MechanismInfo& info, const AttentionSpec& spec) {
  return std::make_unique<Attention>(info, spec);
}

std::unique_ptr<Op> make_attention(const AttentionSpec& spec, const MechanismRegistry& registry) {
  const MechanismInfo& info = registry.find(spec.mechanism);
  const bool several = static_cast<int64_t>(spec.k.size()) > spec.kv_heads;
  if (several && (info.traits.ordered || info.traits.recurrent)) {
    refuse("one set of keys and values under " + std::string(info.name),
           count(spec.k.size()) + " heads of k for " + count(spec.kv_heads),
           info.traits.ordered ? "keys of two sets have no order" : "a state has no second set");
  }
  return info.make(info, spec);
}

}  // namespace weft
