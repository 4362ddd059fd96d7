// Attention alone: every mechanism beside softmax, and where each of them pays.
#include "cli/bench_attention.h"

#include <fmt/format.h>

#include "cli/bench_attention_case.h"

namespace weft::cli {
namespace {

/// Beside 2048, where every mechanism is measured.
constexpr int64_t kLengths[] = {512, 1024, 4096, 8192};
constexpr int64_t kWindow = 512;

std::string name_of(const AttentionCase& c) {
  std::string name = fmt::format("attention {}", c.mechanism);
  if (c.window > 0) name += fmt::format(" window={}", c.window);
  name += fmt::format(" {} T={}", weft::name_of(c.type), c.time);
  if (c.heads != AttentionCase{}.heads) name += fmt::format(" heads={}", c.heads);
  if (c.mean_logit != 0) name += fmt::format(" logit {:.0f}", c.mean_logit);
  return name;
}

/// Softmax at the same sizes, over all keys.
AttentionCase softmax_beside(const AttentionCase& c) {
  return {.type = c.type,
          .time = c.time,
          .heads = c.heads,
          .kv_heads = c.kv_heads,
          .head_dim = c.head_dim};
}

/// Steps of the op and of softmax in turn.
BenchResult beside_softmax(const BenchContext& context, const std::string& name,
                           const AttentionCase& c, BenchAttention& op, double seconds, int least) {
  const AttentionCase softmax = softmax_beside(c);
  BenchAttention other(softmax, context.runtime);
  const TurnTiming turn = time_in_turn([&] { op.both(); }, [&] { other.both(); }, seconds, least);
  BenchResult r = timed(name, turn.timing, op.forward_flops() + op.backward_flops(), c.type);
  r.ratio = turn.ratio;
  r.note = *r.ratio < 0.2 ? fmt::format("{:.1f}x faster than softmax", 1 / *r.ratio)
                          : fmt::format("{:.2f}x softmax", *r.ratio);
  if (c.window > 0) {
    r.note += fmt::format("; {:.2f}x per visited pair", *r.ratio * softmax.pairs() / c.pairs());
  }
  return r;
}

/// Forward, backward, and both beside softmax.
void bench_standard(const BenchContext& context, const AttentionCase& c,
                    std::vector<BenchResult>& results) {
  const std::string name = name_of(c);
  if (!context.wanted(name, {" forward", " backward", " both"})) return;
  BenchAttention op(c, context.runtime);
  const Timing forward = time_runs([&] { op.forward(); }, 0.15, 3);
  const Timing backward = time_runs([&] { op.backward(); }, 0.2, 3);
  results.push_back(timed(name + " forward", forward, op.forward_flops(), c.type));
  results.push_back(timed(name + " backward", backward, op.backward_flops(), c.type));
  results.push_back(beside_softmax(context, name + " both", c, op, 0.5, 3));
}

/// Only both, beside softmax.
void bench_step(const BenchContext& context, const AttentionCase& c, int least,
                std::vector<BenchResult>& results) {
  const std::string name = name_of(c) + " both";
  if (!context.wanted(name)) return;
  BenchAttention op(c, context.runtime);
  results.push_back(beside_softmax(context, name, c, op, 0.4, context.all ? 3 : least));
}

}  // namespace

std::vector<BenchResult> bench_attention(const BenchContext& context) {
  context.check([&] { return check_attention(context.runtime); });
  std::vector<BenchResult> results;
  const MechanismRegistry registry;
  for (const DType type : kAttentionTypes) {
    for (const MechanismInfo* mechanism : registry.all()) {
      AttentionCase c{.mechanism = std::string(mechanism->name), .type = type};
      if (c.mechanism == "stick-breaking") c.mean_logit = kLateLogit;
      bench_standard(context, c, results);
    }
    bench_standard(context, {.type = type, .window = kWindow}, results);
  }
  for (const DType type : kAttentionTypes) {
    if (type != DType::f32 && !context.all) continue;
    for (const int64_t time : kLengths) {
      bench_step(context, {.mechanism = "linear", .type = type, .time = time}, 2, results);
    }
  }
  for (const DType type : kAttentionTypes) {
    const AttentionCase c{
        .type = type, .time = kLongText, .heads = 2, .kv_heads = 2, .window = kWindow};
    bench_step(context, c, 1, results);
  }
  bench_early_exit(context, results);
  bench_attention_decode(context, results);
  return results;
}

}  // namespace weft::cli
