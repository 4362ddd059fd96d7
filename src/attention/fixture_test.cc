#include "attention/fixture_test.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "attention/cache_append.h"
#include "attention/check_cases.h"
#include "base/compare.h"
#include "base/random.h"

namespace weft::test {
namespace {

const MechanismRegistry& registry_of(const Case& c) {
  static const MechanismRegistry library;
  return c.registry == nullptr ? library : *c.registry;
}

Tensor poisoned(const TensorDesc& desc) {
  Tensor t(desc);
  poison(t.data(), desc.bytes());
  return t;
}
Tensor filled(DType type, int64_t rows, int64_t width, const Array& values, int64_t first = 0) {
  Tensor t = poisoned({type, Shape{rows, width}});
  for (int64_t i = 0; i < rows * width && size_t(first * width + i) < values.size(); ++i) {
    set(t.view(), i, values[size_t(first * width + i)]);
  }
  return t;
}
Array read(const Tensor& t, int64_t rows) {
  Array a;
  for (int64_t i = 0; i < rows * t.shape()[1]; ++i) a.push_back(get(t.view(), i));
  return a;
}

template <class Tensors>
std::vector<void*> pointers(const Tensors& tensors) {
  std::vector<void*> p;
  for (const Tensor& t : tensors) p.push_back(t.data());
  return p;
}
std::vector<Tensor> poisoned_all(const std::vector<TensorDesc>& descs) {
  std::vector<Tensor> all;
  for (const TensorDesc& d : descs) all.push_back(poisoned(d));
  return all;
}
std::vector<TensorDesc> descs_of(const std::vector<Tensor>& tensors) {
  std::vector<TensorDesc> all;
  for (const Tensor& t : tensors) all.push_back(t.desc());
  return all;
}
PlanContext context_of(const Case& c, int64_t time) {
  PlanContext context;
  context.runtime = Runtime::best();
  context.runtime.threads = c.threads;
  context.runtime.kernel = c.kernel;
  context.batch = c.batch;
  context.time = time;
  return context;
}

std::vector<Shape> shapes_of(const Case& c) {
  return parameter_shapes(settings_of(c), c.heads, c.head_dim, c.value_dim);
}
/// The parameters in their order, each [heads, dim]: keys of sinks, then a learned remainder.
std::vector<Tensor> parameters_of(const Case& c, const Values& x) {
  std::vector<Tensor> all;
  const std::vector<Shape> shapes = shapes_of(c);
  for (size_t n = 0; n < shapes.size(); ++n) {
    const bool sink = n == 0 && settings_of(c).sink == Sink::key;
    all.push_back(filled(c.type == DType::f64 ? DType::f64 : DType::f32, shapes[n][0], shapes[n][1],
                         sink ? x.sink : x.w));
  }
  return all;
}

}  // namespace

MechanismSettings settings_of(const Case& c) {
  const MechanismInfo& info = registry_of(c).find(c.mechanism);
  return info.settings(Args(c.mechanism, info.args, c.args));
}

AttentionSpec spec_of(const Case& c) {
  AttentionSpec s;
  s.heads = c.heads;
  s.kv_heads = c.kv_heads;
  s.head_dim = c.head_dim;
  s.value_dim = c.value_dim;
  s.scale = c.scale;
  s.window = c.window;
  s.mechanism = c.mechanism;
  s.slopes = c.slopes;
  s.args = Args(c.mechanism, registry_of(c).find(c.mechanism).args, c.args);
  s.return_remainder = settings_of(c).leaves_rest;
  const size_t parameters = shapes_of(c).size();
  for (size_t n = 0; n < parameters; ++n) s.parameters.push_back(3 + static_cast<int>(n));
  for (int64_t h = 0; h < c.heads; ++h) s.q.push_back({0, h * c.head_dim});
  for (int64_t h = 0; h < c.entries(); ++h) {
    s.k.push_back({1, (c.k_from.empty() ? h : c.k_from[size_t(h)]) * c.head_dim});
    s.v.push_back({2, (c.v_from.empty() ? h : c.v_from[size_t(h)]) * c.value_dim});
  }
  return s;
}

std::vector<std::string> mechanisms() {
  std::vector<std::string> names;
  const MechanismRegistry library;
  for (const MechanismInfo* info : library.all()) {
    if (!info->traits.recurrent) names.emplace_back(info->name);
  }
  return names;
}

std::vector<Variant> variants(const Case& c) {
  std::vector<Variant> all;
  const MechanismRegistry library;
  for (const std::string& name : mechanisms()) {
    for (const Args& args : argument_combinations(library.find(name))) {
      Variant v{c, name};
      v.c.mechanism = name;
      v.c.args.clear();
      for (const auto& [arg, value] : args.values()) {
        v.c.args[arg] = value;
        v.trace += " " + arg + "=" + to_string(value);
      }
      all.push_back(std::move(v));
    }
  }
  return all;
}

Values random_values(const Case& c, uint64_t seed) {
  const auto draw = [&](const char* name, int64_t n) {
    const Random random(seed, name);
    Array a;
    for (int64_t i = 0; i < n; ++i) {
      a.push_back(float(bf16(float(random.normal(uint64_t(i))))));
    }
    return a;
  };
  const int64_t rows = c.batch * c.time;
  return {draw("q", rows * c.heads * c.head_dim),
          draw("k", rows * c.entries() * c.head_dim),
          draw("v", rows * c.entries() * c.value_dim),
          draw("dx", rows * c.heads * c.value_dim),
          draw("drem", rows * c.heads),
          draw("w", c.heads * c.value_dim),
          draw("sink", c.heads * c.head_dim)};
}

Outcome attend(const Case& c, const Values& x) {
  constexpr int64_t kSpare = 3;  // rows planned and not present
  const AttentionSpec spec = spec_of(c);
  const auto op = make_attention(spec, registry_of(c));
  PlanContext context = context_of(c, c.time + kSpare);
  context.training = true;
  const int64_t rows = context.rows(), present = c.batch * c.time;
  const DType wide = c.type == DType::f64 ? DType::f64 : DType::f32;
  std::vector<Tensor> in;
  in.push_back(filled(c.type, rows, c.heads * c.head_dim, x.q));
  in.push_back(filled(c.type, rows, c.entries() * c.head_dim, x.k));
  in.push_back(filled(c.type, rows, c.entries() * c.value_dim, x.v));
  for (Tensor& t : parameters_of(c, x)) in.push_back(std::move(t));
  const OpPlan plan = op->plan(descs_of(in), context);
  const std::vector<Tensor> out = poisoned_all(plan.outputs), saved = poisoned_all(plan.saved),
                            d_in = poisoned_all(descs_of(in));
  std::vector<Tensor> d_out;
  d_out.push_back(filled(c.type, rows, c.heads * c.value_dim, x.dx));
  if (spec.return_remainder) d_out.push_back(filled(wide, rows, c.heads, x.drem));
  RunArgs run;
  run.batch = c.batch;
  run.time = c.time;
  if (!c.first_key.empty()) run.first_key = c.first_key.data();
  const auto pi = pointers(in), po = pointers(out), ps = pointers(saved), pd = pointers(d_in),
             pdo = pointers(d_out);
  const std::vector<uint8_t> add(in.size(), 0);
  Buffer scratch(std::max(plan.forward_scratch, plan.backward_scratch));
  const Frame frame{context.runtime, run, pi, po, ps, pd, pdo, add, scratch.data()};
  poison(scratch.data(), scratch.size());
  op->forward(frame);
  poison(scratch.data(), scratch.size());
  op->backward(frame);
  Outcome r;
  r.o = read(out[0], present);
  if (spec.return_remainder) r.rem = read(out[1], present);
  r.dq = read(d_in[0], present);
  r.dk = read(d_in[1], present);
  r.dv = read(d_in[2], present);
  for (size_t n = 3; n < d_in.size(); ++n) {
    const bool sink = n == 3 && settings_of(c).sink == Sink::key;
    (sink ? r.dsink : r.dw) = read(d_in[n], c.heads);
  }
  if (saved.size() >= 2) {
    r.visited.assign(saved[1].as<int32_t>(), saved[1].as<int32_t>() + present * c.heads);
  }
  return r;
}

namespace {

/// A cache and the heads [begin, end) of the fresh keys (input 1) or values (input 2) it holds.
struct Cache {
  int input;
  int64_t begin, end, head_dim;
  Tensor tensor;

  void append(const Tensor& fresh, const PlanContext& context, const RunArgs& run) const {
    CacheAppendSpec spec{head_dim, {}};
    for (int64_t h = begin; h < end; ++h) spec.heads.push_back({0, h * head_dim});
    const auto op = make_cache_append(spec);
    const TensorDesc descs[] = {fresh.desc(), tensor.desc()};
    op->plan(descs, context);
    void* const memory[] = {fresh.data(), tensor.data()};
    op->forward({context.runtime, run, memory, {}, {}, {}, {}, {}, nullptr});
  }
};

std::vector<Cache> make_caches(const Case& c, std::vector<int64_t> capacities) {
  std::vector<Cache> caches;
  const bool apart = capacities.size() > 1;
  if (capacities.empty()) capacities = {c.time};
  for (const int input : {1, 2}) {
    const int64_t dim = input == 1 ? c.head_dim : c.value_dim, heads = apart ? 1 : c.entries();
    for (int64_t h = 0; h < c.entries(); h += heads) {
      const int64_t positions = capacities[apart ? caches.size() : 0];
      caches.push_back(
          {input, h, h + heads, dim, poisoned({c.type, Shape{c.batch, heads, positions, dim}})});
    }
  }
  return caches;
}

}  // namespace

Outcome attend_in_chunks(const Case& c, const Values& x, const std::vector<int64_t>& chunks,
                         std::vector<int64_t> capacities) {
  AttentionSpec spec = spec_of(c);
  const MechanismInfo& info = registry_of(c).find(c.mechanism);
  std::vector<Cache> caches;
  if (!info.traits.recurrent) caches = make_caches(c, std::move(capacities));
  const DType wide = c.type == DType::f64 ? DType::f64 : DType::f32;
  int input = 3 + static_cast<int>(spec.parameters.size());
  Tensor state;
  if (info.state != nullptr) {
    const Shape one = info.state(spec.args, c.kv_heads, c.head_dim, c.value_dim);
    state = poisoned({wide, Shape{c.batch, one[0], one[1], one[2]}});
    spec.state = input++;
  }
  for (const Cache& cache : caches) {
    auto& past = cache.input == 1 ? spec.k_past : spec.v_past;
    for (int64_t h = cache.begin; h < cache.end; ++h) past.push_back({input, h - cache.begin});
    ++input;
  }
  const int64_t widths[] = {c.heads * c.head_dim, c.entries() * c.head_dim,
                            c.entries() * c.value_dim};
  const Array* arrays[] = {&x.q, &x.k, &x.v};
  Outcome r;
  RunArgs run;
  for (const int64_t time : chunks) {
    const auto op = make_attention(spec, registry_of(c));
    PlanContext context = context_of(c, time);
    context.context = c.time;
    std::vector<Tensor> fresh;
    for (size_t i = 0; i < 3; ++i) {
      fresh.push_back(filled(c.type, time, widths[i], *arrays[i], run.past));
    }
    for (Tensor& t : parameters_of(c, x)) fresh.push_back(std::move(t));
    std::vector<TensorDesc> descs = descs_of(fresh);
    auto in = pointers(fresh);
    if (spec.state >= 0) {
      descs.push_back(state.desc());
      in.push_back(state.data());
    }
    for (const Cache& cache : caches) {
      descs.push_back(cache.tensor.desc());
      in.push_back(cache.tensor.data());
    }
    const OpPlan plan = op->plan(descs, context);
    const std::vector<Tensor> out = poisoned_all(plan.outputs);
    const auto po = pointers(out);
    run.time = time;
    Buffer scratch(plan.forward_scratch);
    poison(scratch.data(), scratch.size());
    op->forward({context.runtime, run, in, po, {}, {}, {}, {}, scratch.data()});
    for (const Cache& cache : caches) cache.append(fresh[size_t(cache.input)], context, run);
    const Array o = read(out[0], time);
    r.o.insert(r.o.end(), o.begin(), o.end());
    if (spec.return_remainder) {
      const Array rem = read(out[1], time);
      r.rem.insert(r.rem.end(), rem.begin(), rem.end());
    }
    run.past += time;
  }
  return r;
}

double error(const Array& got, const Array& want) {
  const auto tensor = [](const Array& a) {
    Tensor t(DType::f64, Shape{int64_t(a.size())});
    std::copy(a.begin(), a.end(), t.as<double>());
    return t;
  };
  return compare(tensor(got).view(), tensor(want).view()).error();
}

Array rows_of(const Array& a, int64_t rows, int64_t begin, int64_t end) {
  const auto width = static_cast<int64_t>(a.size()) / rows;
  return Array(a.begin() + begin * width, a.begin() + end * width);
}

Array permuted(const Array& a, int64_t inner, const std::vector<int64_t>& order) {
  const size_t n = order.size(), width = size_t(inner);
  Array out(a.size());
  for (size_t i = 0; i < a.size(); ++i) {
    const size_t outer = i / (n * width), at = i / width % n;
    out[i] = a[(outer * n + size_t(order[at])) * width + i % width];
  }
  return out;
}

Case scored(int64_t time, int64_t value_dim) {
  Case c;
  c.time = time;
  c.head_dim = 1;
  c.value_dim = value_dim;
  c.scale = 1;
  return c;
}
Values with_scores(const Case& c, const Array& z, uint64_t seed) {
  Values x = random_values(c, seed);
  x.q.assign(size_t(c.time), 1);
  x.k = z;
  return x;
}
double sigmoid(double z) {
  return 1 / (1 + std::exp(-z));
}

void stick_weights(const Array& z, int64_t time, bool strict, Array& weights, Array& rem) {
  weights.assign(z.size(), 0);
  rem.assign(size_t(time), 0);
  for (int64_t i = 0; i < time; ++i) {
    long double stick = 1;
    for (int64_t j = strict ? i - 1 : i; j >= 0; --j) {
      const long double score = z[size_t(i * time + j)];
      const long double open = 1 / (1 + std::exp(-score));
      weights[size_t(i * time + j)] = double(open * stick);
      stick *= 1 / (1 + std::exp(score));
    }
    rem[size_t(i)] = double(stick);
  }
}

}  // namespace weft::test
