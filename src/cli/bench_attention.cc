#include <fmt/format.h>

#include <cmath>

#include "attention/attention.h"
#include "base/random.h"
#include "cli/bench.h"
#include "cli/single_op.h"

namespace weft::cli {
namespace {

constexpr int64_t kTokens = 8192, kHeads = 6, kDim = 64;
/// Of every mechanism; and those at which softmax meets mechanisms whose work grows with the
/// length.
constexpr int64_t kTime = 2048, kLengths[] = {512, 1024, 4096, 8192};

/// Scores of random tokens, and scores of which nearly all are far below zero, where sticks break
/// late and many keys are visited.
struct Regime {
  const char* name;
  double mean_logit;
};
constexpr Regime kRegimes[] = {{"N(0,1)", 0}, {"mean logit -8", -8}};

AttentionSpec spec_of(const MechanismInfo& mechanism, const std::map<std::string, Arg>& args) {
  AttentionSpec spec;
  spec.heads = spec.kv_heads = kHeads;
  spec.head_dim = kDim;
  spec.mechanism = std::string(mechanism.name);
  spec.args = Args(mechanism.name, mechanism.args, args);
  for (int64_t h = 0; h < kHeads; ++h) {
    spec.q.push_back({0, h * kDim});
    spec.k.push_back({1, h * kDim});
    spec.v.push_back({2, h * kDim});
  }
  return spec;
}

/// Normal values; one channel of every query and key is set so that scores have the mean asked for.
void fill(SingleOp& op, const Regime& regime) {
  const double shift = std::sqrt(std::fabs(regime.mean_logit) * std::sqrt(double(kDim)));
  for (size_t i = 0; i < 3; ++i) {
    const Random random(i, "bench.attention");
    Tensor& t = op.in(i);
    for (int64_t e = 0; e < t.numel(); ++e) {
      const bool first = e % kDim == 0 && i < 2 && regime.mean_logit != 0;
      set(t.view(), e, first ? (i == 0 ? shift : -shift) : random.normal(static_cast<uint64_t>(e)));
    }
  }
  const Random random(3, "bench.attention");
  for (int64_t e = 0; e < op.d_out(0).numel(); ++e) {
    set(op.d_out(0).view(), e, random.normal(static_cast<uint64_t>(e)));
  }
}

struct Setting {
  const MechanismInfo& mechanism;
  DType type;
  Regime regime;
  int64_t time;

  RunArgs run() const { return {.batch = kTokens / time, .time = time}; }
};

SingleOp make(const Setting& s, const std::map<std::string, Arg>& args, const Runtime& runtime) {
  const TensorDesc rows{s.type, {kTokens, kHeads * kDim}};
  const TensorDesc inputs[] = {rows, rows, rows};
  PlanContext plan{.runtime = runtime, .batch = kTokens / s.time, .time = s.time};
  plan.training = true;
  return SingleOp(make_attention(spec_of(s.mechanism, args)), inputs, plan);
}

/// Key blocks walked, over all tiles.
double visited(const SingleOp& op) {
  double sum = 0;
  for (const int32_t n : op.saved(1).span<int32_t>()) sum += n;
  return sum;
}

/// The share of key blocks that a mechanism which may stop early visits; 1 for any other.
double share_visited(const Setting& s, const SingleOp& op, const BenchContext& context) {
  for (const ArgSpec& arg : s.mechanism.args) {
    if (arg.name != "early_exit" || op.plan().saved.size() < 2) continue;
    SingleOp whole = make(s, {{"early_exit", std::string("off")}}, context.runtime);
    fill(whole, s.regime);
    whole.forward(s.run());
    return visited(op) / visited(whole);
  }
  return 1;
}

void bench_case(const BenchContext& context, const Setting& s, std::vector<BenchResult>& results) {
  const std::string name = fmt::format("attention {} {} T={} {}", s.mechanism.name, name_of(s.type),
                                       s.time, s.regime.name);
  if (!context.wanted(name, {" forward", " backward"})) return;
  const RunArgs run = s.run();
  SingleOp op = make(s, {}, context.runtime);
  fill(op, s.regime);
  const Timing forward = time_runs([&] { op.forward(run); }, 0.3, 3);
  const Timing backward = time_runs([&] { op.backward(run); }, 0.3, 3);
  // Rates count the work that is done, so that an early exit does not pass for speed.
  const double share = share_visited(s, op, context);
  results.push_back(timed(name + " forward", forward, share * op.plan().forward.flops, s.type));
  results.push_back(timed(name + " backward", backward, share * op.plan().backward.flops, s.type));
  if (share < 1) {
    results[results.size() - 2].note = fmt::format("visits {:.0f}% of the key blocks", 100 * share);
  }
}

}  // namespace

std::vector<BenchResult> bench_attention(const BenchContext& context) {
  context.check([&] { return check_attention(context.runtime); });
  std::vector<BenchResult> results;
  const MechanismRegistry registry;
  for (const DType type : {DType::f32, DType::bf16}) {
    for (const MechanismInfo* mechanism : registry.all()) {
      for (const Regime& regime : kRegimes) {
        bench_case(context, {*mechanism, type, regime, kTime}, results);
      }
    }
  }
  for (const int64_t time : kLengths) {
    for (const MechanismInfo* mechanism : registry.all()) {
      if (mechanism->name != "softmax" && !mechanism->traits.recurrent) continue;
      bench_case(context, {*mechanism, DType::f32, kRegimes[0], time}, results);
    }
  }
  return results;
}

}  // namespace weft::cli
