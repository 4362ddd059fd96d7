// Stick-breaking on a long text, where sticks run out: what it saves to stop then.
#include <fmt/format.h>

#include <map>

#include "cli/bench_attention.h"
#include "cli/bench_attention_case.h"

namespace weft::cli {
namespace {

constexpr int64_t kTime = 16384, kHeads = 2;

struct Exit {
  const char* name;
  const char* setting;  ///< of the mechanism
};
constexpr Exit kExits[] = {{"off", "off"}, {"exact", "exact"}, {"2^-24", "5.9604644775390625e-08"}};

/// Scores to attend by.
struct Regime {
  std::string name;
  AttentionCase attention;  ///< of stick-breaking, early_exit apart
};

class EarlyExit {
 public:
  EarlyExit(const BenchContext& context, const Regime& regime)
      : context_(context), regime_(regime) {}

  void run(const Exit& exit, std::vector<BenchResult>& results);

 private:
  double softmax_seconds();

  const BenchContext& context_;
  const Regime& regime_;
  double whole_ = 0;    ///< key blocks of a walk that never stops
  double softmax_ = 0;  ///< seconds; 0: not measured yet
};

/// A step's time may be a second or more: nothing to be gained from many.
Timing time_long(BenchAttention& op) {
  op.forward();
  return time_runs([&] { op.both(); }, 0.2, 1, true);
}

double EarlyExit::softmax_seconds() {
  if (softmax_ > 0) return softmax_;
  AttentionCase c = regime_.attention;
  c.mechanism = "softmax";
  BenchAttention op(c, context_.runtime);
  return softmax_ = time_long(op).median;
}

void EarlyExit::run(const Exit& exit, std::vector<BenchResult>& results) {
  AttentionCase c = regime_.attention;
  const std::string name = fmt::format("attention exit {} {} T={} heads={} {}", regime_.name,
                                       name_of(c.type), c.time, c.heads, exit.name);
  if (!context_.wanted(name)) return;
  if (whole_ == 0) {
    c.args = {{"early_exit", std::string("off")}};
    BenchAttention never(c, context_.runtime);
    never.forward();
    whole_ = never.visited();
  }
  c.args = {{"early_exit", std::string(exit.setting)}};
  BenchAttention op(c, context_.runtime);
  const Timing timing = time_long(op);
  const double share = op.visited() / whole_;
  // Work that is done: the backward walks the keys twice and makes scores in both.
  const double pair = 4 * static_cast<double>(c.head_dim);
  const double done = share * c.pairs() * (pair + 3 * pair);
  const double causal = op.forward_flops() + op.backward_flops();
  BenchResult r = timed(name, timing, done, c.type);
  r.ratio = timing.median / softmax_seconds();
  r.note = fmt::format(
      "visits {:.1f}% of the pairs; {:.2f} TFLOP/s by causal count; {:.1f}x "
      "softmax's speed",
      100 * share, causal / timing.median * 1e-12, 1 / *r.ratio);
  results.push_back(std::move(r));
}

}  // namespace

void bench_early_exit(const BenchContext& context, std::vector<BenchResult>& results) {
  for (const DType type : kAttentionTypes) {
    const AttentionCase normal{.mechanism = "stick-breaking",
                               .type = type,
                               .time = kTime,
                               .heads = kHeads,
                               .kv_heads = kHeads};
    AttentionCase late = normal;
    late.mean_logit = kLateLogit;
    for (const Regime& regime : {Regime{"N(0,1)", normal}, Regime{"logit -8", late}}) {
      EarlyExit bench(context, regime);
      for (const Exit& exit : kExits) bench.run(exit, results);
    }
  }
}

}  // namespace weft::cli
