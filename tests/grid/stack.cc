#include "grid/stack.h"

#include <algorithm>

#include "base/compare.h"

namespace weft::grid {

Stack::Stack(const ModelConfig& model, DType type, const Axes& known)
    : axes(known),
      config(model),
      layout(derive_layout(model, axes)),
      dtype(type),
      weights(checks::random_parameters(model, layout, type, axes)) {}

Stack::Stack(const ModelConfig& model, const Stack& from, const Axes& known)
    : Stack(model, from.dtype, known) {
  copy_weights(from.weights, weights);
}

void Stack::edit(const std::string& name, const std::function<double(int64_t, double)>& f) {
  const int p = weights.find(name);
  if (p < 0) throw std::runtime_error("no parameter " + name);
  const TensorView t = weights.master(p);
  for (int64_t i = 0; i < t.desc.numel(); ++i) set(t, i, f(i, get(t, i)));
}

void Stack::tie(const std::string& from, const std::string& to) {
  const TensorView source = weights.master(weights.find(from));
  edit(to, [&](int64_t i, double) { return get(source, i); });
}

Tensor Stack::logits(const std::vector<int32_t>& ids) {
  Runner r = runner(Mode::logits);
  r.run(ids, kTime);
  return r.logits(kBatch * kTime);
}

Runner Stack::runner(Mode mode) {
  return {config, layout, weights, {.mode = mode, .dtype = dtype, .axes = axes}};
}

std::string weight_name(int layer, const std::string& part) {
  return "model.layers." + std::to_string(layer) + "." + part + ".weight";
}

void copy_weights(const Parameters& from, Parameters& to, const std::function<int(int)>& source) {
  for (int p = 0; p < to.count(); ++p) {
    const ParameterSpec& spec = to.spec(p);
    const int other = from.find(spec.name);
    if (other < 0) continue;
    const TensorView target = to.master(p), values = from.master(other);
    if (spec.rows_from.empty()) {
      for (int64_t i = 0; i < target.desc.numel(); ++i) set(target, i, get(values, i));
      continue;
    }
    const std::vector<int>& heads = from.spec(other).rows_from;
    const int64_t size = spec.head_rows * spec.shape[1];
    for (size_t i = 0; i < spec.rows_from.size(); ++i) {
      const int head = source ? source(spec.rows_from[i]) : spec.rows_from[i];
      const auto found = std::find(heads.begin(), heads.end(), head);
      if (found == heads.end()) continue;
      const int64_t block = found - heads.begin();
      for (int64_t e = 0; e < size; ++e) {
        set(target, static_cast<int64_t>(i) * size + e, get(values, block * size + e));
      }
    }
  }
}

double difference(const Tensor& a, const Tensor& b) {
  return compare(a.view(), b.view()).relative_l2;
}

void expect_like_loops(Stack& stack, const Loops& wiring) {
  const std::vector<int32_t> tokens = stack.tokens();
  const Tensor got = stack.logits(tokens);
  Tensor want(DType::f64, got.shape());
  PlainModel loops(stack.config, stack.weights, wiring);
  const auto per_sequence = static_cast<size_t>(kTime * stack.config.vocab);
  for (size_t b = 0; b < static_cast<size_t>(kBatch); ++b) {
    const auto sequence = std::span(tokens).subspan(b * static_cast<size_t>(kTime), kTime);
    const std::vector<double> logits = loops.logits(sequence);
    std::copy(logits.begin(), logits.end(), want.as<double>() + b * per_sequence);
  }
  const Comparison c = compare(got.view(), want.view());
  EXPECT_LT(c.error(), 1e-12) << c.fault;
}

void expect_same_bits(const ModelConfig& a, const ModelConfig& b, const Axes& axes) {
  Stack one(a, DType::f32, axes), two(b, DType::f32, axes);
  ASSERT_EQ(one.weights.count(), two.weights.count());
  const std::vector<int32_t> tokens = one.tokens();
  Runner r = one.runner(Mode::train), s = two.runner(Mode::train);
  r.run(tokens, kTime);
  s.run(tokens, kTime);
  EXPECT_EQ(r.loss(), s.loss());
  for (int p = 0; p < one.weights.count(); ++p) {
    const std::string& name = one.weights.spec(p).name;
    const int other = two.weights.find(name);
    ASSERT_GE(other, 0) << name;
    EXPECT_TRUE(same_bits(r.gradient(p).view(), s.gradient(other).view())) << name;
  }
  Runner x = one.runner(Mode::generate), y = two.runner(Mode::generate);
  EXPECT_EQ(x.state_bytes(), y.state_bytes());
  int64_t past = 0;
  for (const int64_t time : {3, 1, 1, 4}) {
    const std::vector<int32_t> part(tokens.begin() + kBatch * past,
                                    tokens.begin() + kBatch * (past + time));
    x.run(part, time, past);
    y.run(part, time, past);
    EXPECT_TRUE(same_bits(x.logits(kBatch).view(), y.logits(kBatch).view())) << "past " << past;
    past += time;
  }
}

}  // namespace weft::grid
