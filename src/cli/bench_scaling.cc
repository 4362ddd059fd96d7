// What growing a model costs, one size at a time: a training step by T, width, depth and threads,
// and attention alone by T.
#include <fmt/format.h>

#include <algorithm>

#include "attention/attention.h"
#include "cli/bench.h"
#include "cli/bench_attention_case.h"
#include "cli/bench_plots.h"
#include "cli/bench_training.h"

namespace weft::cli {
namespace {

constexpr int64_t kTokens = 4096;  // of a step, whatever T
constexpr int64_t kTimes[] = {256, 512, 1024, 2048, 4096, 8192};
constexpr int64_t kWidths[] = {128, 256, 384, 512, 768};
constexpr int64_t kDepths[] = {1, 2, 4, 8, 12};
constexpr int64_t kAttentionTimes[] = {512, 1024, 2048, 4096, 8192, 16384};
constexpr DType kTypes[] = {DType::f32, DType::bf16};

class Scaling {
 public:
  explicit Scaling(const BenchContext& context) : context_(context) {}

  void step(const char* figure, double x, const TrainingCase& c, int threads);
  void attention(const char* line, const std::string& mechanism, int64_t window, int64_t time);
  std::vector<BenchResult> take() { return std::move(results_); }

 private:
  const BenchContext& context_;
  std::vector<BenchResult> results_;
};

void Scaling::step(const char* figure, double x, const TrainingCase& c, int threads) {
  const std::string name = fmt::format("scaling {} {} train {}", figure, x, c.name());
  if (!context_.wanted(name)) return;
  Runtime runtime = context_.runtime;
  runtime.threads = threads;
  BenchTraining training(c, runtime);
  const Timing timing = time_runs([&] { training.step(); }, 0.8, 2);
  BenchResult r = timed(name, timing, training.flops_per_step(), c.type);
  r.tokens_per_second = training.tokens_per_step() / timing.median;
  r.plotted = {figure, std::string(name_of(c.type)), x, 1e6 / *r.tokens_per_second};
  results_.push_back(std::move(r));
}

/// 8 heads of 64, one sequence, f32, normal values; forward with backward.
void Scaling::attention(const char* line, const std::string& mechanism, int64_t window,
                        int64_t time) {
  const std::string name = fmt::format("scaling attention {} f32 T={}", line, time);
  if (!context_.wanted(name)) return;
  BenchAttention op({.mechanism = mechanism, .time = time, .window = window}, context_.runtime);
  const double flops = op.forward_flops() + op.backward_flops();
  const bool once = flops > 1e11;  // a second or more: nothing to be gained from a second one
  const Timing timing = time_runs([&] { op.both(); }, once ? 0 : 0.3, once ? 1 : 3, once);
  BenchResult r = timed(name, timing);
  r.tokens_per_second = static_cast<double>(time) / timing.median;
  r.plotted = {"attention", line, static_cast<double>(time), 1e3 * timing.median};
  results_.push_back(std::move(r));
}

}  // namespace

std::vector<BenchResult> bench_scaling(const BenchContext& context) {
  Scaling scaling(context);
  const int threads = context.runtime.threads;
  for (const DType type : kTypes) {
    for (const int64_t time : kTimes) {
      const TrainingCase c{
          .type = type, .time = time, .batch = std::max<int64_t>(1, kTokens / time)};
      scaling.step("T", static_cast<double>(time), c, threads);
    }
    for (const int64_t dim : kWidths) {
      const TrainingCase c{
          .type = type, .batch = 4, .size = {.dim = dim, .ffn = dim * 8 / 3 / 32 * 32}};
      scaling.step("width", static_cast<double>(dim), c, threads);
    }
    for (const int64_t layers : kDepths) {
      const TrainingCase c{.type = type, .batch = 4, .size = {.layers = layers}};
      scaling.step("depth", static_cast<double>(layers), c, threads);
    }
    for (int n = 1; n < 2 * threads; n *= 2) {
      const int used = std::min(n, threads);
      scaling.step("threads", used, {.type = type, .batch = 4}, used);
    }
  }
  context.check([&] { return check_attention(context.runtime); });
  for (const int64_t time : kAttentionTimes) {
    scaling.attention("softmax", "softmax", 0, time);
    scaling.attention("stick-breaking", "stick-breaking", 0, time);
    scaling.attention("linear", "linear", 0, time);
    scaling.attention("window 512", "softmax", 512, time);
  }
  return scaling.take();
}

}  // namespace weft::cli
