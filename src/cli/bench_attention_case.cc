#include "cli/bench_attention_case.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/compare.h"
#include "base/random.h"

namespace weft::cli {
namespace {

SingleOp make(const AttentionCase& c, const Runtime& runtime) {
  const TensorDesc queries{c.type, {c.time, c.heads * c.head_dim}};
  const TensorDesc keys{c.type, {c.time, c.kv_heads * c.head_dim}};
  PlanContext plan{.runtime = runtime, .batch = 1, .time = c.time};
  plan.training = true;
  return SingleOp(make_attention(spec_of(c)), std::array{queries, keys, keys}, plan);
}

void copy_values(const Tensor& from, Tensor& to) {
  for (int64_t e = 0; e < to.numel(); ++e) set(to.view(), e, get(from.view(), e));
}

}  // namespace

double AttentionCase::pairs() const {
  const auto t = static_cast<double>(time);
  const double w = window > 0 ? std::min(static_cast<double>(window), t) : t;
  return static_cast<double>(heads) * (w * t - w * w / 2);
}

AttentionSpec spec_of(const AttentionCase& c) {
  AttentionSpec spec;
  spec.heads = c.heads;
  spec.kv_heads = c.kv_heads;
  spec.head_dim = c.head_dim;
  spec.window = c.window;
  spec.mechanism = c.mechanism;
  spec.args = Args(c.mechanism, MechanismRegistry().find(c.mechanism).args, c.args);
  for (int64_t h = 0; h < c.heads; ++h) spec.q.push_back({0, h * c.head_dim});
  for (int64_t h = 0; h < c.kv_heads; ++h) {
    spec.k.push_back({1, h * c.head_dim});
    spec.v.push_back({2, h * c.head_dim});
  }
  return spec;
}

double logit_shift(double mean, int64_t head_dim) {
  return std::sqrt(std::fabs(mean) * std::sqrt(static_cast<double>(head_dim)));
}

BenchAttention::BenchAttention(const AttentionCase& c, const Runtime& runtime)
    : op_(make(c, runtime)), run_{.batch = 1, .time = c.time} {
  const double dim = static_cast<double>(c.head_dim), shift = logit_shift(c.mean_logit, c.head_dim);
  for (size_t i = 0; i < 4; ++i) {
    const Random random(i, "bench.attention");
    Tensor& t = i < 3 ? op_.in(i) : op_.d_out(0);
    for (int64_t e = 0; e < t.numel(); ++e) {
      const bool shifts = c.mean_logit != 0 && i < 2 && e % c.head_dim == 0;
      const double first = i == 1 && c.mean_logit < 0 ? -shift : shift;
      set(t.view(), e, shifts ? first : random.normal(static_cast<uint64_t>(e)));
    }
  }
  const bool recurrent = MechanismRegistry().find(c.mechanism).traits.recurrent;
  forward_flops_ = recurrent ? op_.plan().forward.flops : 4 * dim * c.pairs();
  backward_flops_ = recurrent ? op_.plan().backward.flops : 10 * dim * c.pairs();
}

void BenchAttention::set_queries_and_keys(const Tensor& q, const Tensor& k) {
  copy_values(q, op_.in(0));
  copy_values(k, op_.in(1));
}

double BenchAttention::visited() const {
  double sum = 0;
  for (const int32_t n : op_.saved(1).span<int32_t>()) sum += n;
  return sum;
}

}  // namespace weft::cli
