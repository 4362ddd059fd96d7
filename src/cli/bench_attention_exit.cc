// Stick-breaking on a long text, where sticks run out: what it saves to stop then.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/bench_attention.h"
#include "cli/bench_attention_case.h"

namespace weft::cli {
namespace {

constexpr int64_t kHeads = 2;  // of random values; recorded ones have the model's

struct Exit {
  const char* name;
  const char* setting;  ///< of the mechanism
};
constexpr Exit kExits[] = {{"off", "off"}, {"exact", "exact"}, {"2^-24", "5.9604644775390625e-08"}};

/// Scores to attend by.
struct Regime {
  std::string name;
  AttentionCase attention;                               ///< of stick-breaking, early_exit apart
  const std::vector<RecordedLayer>* recorded = nullptr;  ///< in the place of random values

  std::string row(const Exit& exit) const {
    return fmt::format("attention exit {} {} T={} heads={} {}", name, name_of(attention.type),
                       attention.time, attention.heads, exit.name);
  }
  size_t layers() const { return recorded == nullptr ? 1 : recorded->size(); }
};

class EarlyExit {
 public:
  EarlyExit(const BenchContext& context, const Regime& regime)
      : context_(context), regime_(regime) {}

  void run(const Exit& exit, std::vector<BenchResult>& results);

 private:
  std::unique_ptr<BenchAttention> make(const Exit& exit, size_t layer) const;
  double softmax_seconds();

  const BenchContext& context_;
  const Regime& regime_;
  double whole_ = 0;    ///< key blocks of a walk that never stops
  double softmax_ = 0;  ///< seconds; 0: not measured yet
};

/// A step may take a second or more: one unless there is time.
Timing time_long(const BenchContext& context, BenchAttention& op) {
  op.forward();
  return time_runs([&] { op.both(); }, 0.2, context.all ? 3 : 1, true);
}

std::unique_ptr<BenchAttention> EarlyExit::make(const Exit& exit, size_t layer) const {
  AttentionCase c = regime_.attention;
  c.args = {{"early_exit", std::string(exit.setting)}};
  auto op = std::make_unique<BenchAttention>(c, context_.runtime);
  if (regime_.recorded == nullptr) return op;
  const RecordedLayer& recorded = (*regime_.recorded)[layer];
  op->set_queries_and_keys(recorded.q, recorded.k);
  return op;
}

double EarlyExit::softmax_seconds() {
  if (softmax_ > 0) return softmax_;
  AttentionCase c = regime_.attention;
  c.mechanism = "softmax";
  BenchAttention op(c, context_.runtime);
  return softmax_ = time_long(context_, op).median;
}

/// Of recorded layers the mean.
void EarlyExit::run(const Exit& exit, std::vector<BenchResult>& results) {
  const std::string name = regime_.row(exit);
  if (!context_.wanted(name)) return;
  if (whole_ == 0) {
    const auto never = make(kExits[0], 0);
    never->forward();
    whole_ = never->visited();
  }
  // A walk that never stops takes as long in every layer.
  const size_t layers = &exit == &kExits[0] ? 1 : regime_.layers();
  Timing timing;
  double share = 0, causal = 0;
  for (size_t l = 0; l < layers; ++l) {
    const auto op = make(exit, l);
    const Timing one = time_long(context_, *op);
    timing.median += one.median / static_cast<double>(layers);
    timing.spread = std::max(timing.spread, one.spread);
    timing.runs += one.runs;
    share += op->visited() / whole_ / static_cast<double>(layers);
    causal = op->forward_flops() + op->backward_flops();
  }
  // Work that is done: the backward walks the keys twice and makes scores in both.
  const AttentionCase& c = regime_.attention;
  const double pair = 4 * static_cast<double>(c.head_dim);
  BenchResult r = timed(name, timing, share * c.pairs() * (pair + 3 * pair), c.type);
  r.ratio = timing.median / softmax_seconds();
  r.note = fmt::format(
      "visits {:.1f}% of the pairs; {:.2f} TFLOP/s by causal count; {:.1f}x softmax's speed",
      100 * share, causal / timing.median * 1e-12, 1 / *r.ratio);
  results.push_back(std::move(r));
}

void bench_regime(const BenchContext& context, const Regime& regime,
                  std::vector<BenchResult>& results) {
  EarlyExit bench(context, regime);
  for (const Exit& exit : kExits) bench.run(exit, results);
}

/// Where they would be measured and there is no model to record them from.
void say_how_to_record(const BenchContext& context, const AttentionCase& c) {
  const Regime missing{"recorded", c};
  const bool asked = std::any_of(std::begin(kExits), std::end(kExits), [&](const Exit& exit) {
    return has_part(missing.row(exit), context.only);
  });
  if (!asked || context.listing) return;
  context.console.note(
      "no recorded queries and keys: weft bench attention --model RUN --data FILE takes those of a "
      "trained stick-breaking model");
}

}  // namespace

void bench_early_exit(const BenchContext& context, std::vector<BenchResult>& results) {
  for (const DType type : kAttentionTypes) {
    const AttentionCase normal{.mechanism = "stick-breaking",
                               .type = type,
                               .time = kLongText,
                               .heads = kHeads,
                               .kv_heads = kHeads};
    AttentionCase late = normal;
    late.mean_logit = kLateLogit;
    bench_regime(context, {"N(0,1)", normal}, results);
    bench_regime(context, {"logit -8", late}, results);
    if (context.recorded == nullptr) {
      if (type == DType::f32) say_how_to_record(context, normal);
      continue;
    }
    const RecordedLayer& layer = context.recorded->front();
    AttentionCase recorded = normal;
    recorded.time = layer.q.shape()[0];
    recorded.heads = layer.heads;
    recorded.kv_heads = layer.kv_heads;
    recorded.head_dim = layer.head_dim;
    bench_regime(context, {"recorded", recorded, context.recorded}, results);
  }
}

}  // namespace weft::cli
