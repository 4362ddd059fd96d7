// What a design costs beside the plain transformer: steps of the two in turn, so that whatever
// slows the machine slows both.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "cli/bench.h"
#include "cli/bench_training.h"
#include "model/designs.h"

namespace weft::cli {
namespace {

constexpr const char* kPlain = "transformer";
constexpr int kRounds = 7;

double seconds_of_step(BenchTraining& training) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  training.step();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Quartiles {
  double first, median, third;
};
Quartiles quartiles(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return {x[x.size() / 4], x[x.size() / 2], x[x.size() * 3 / 4]};
}

BenchResult compare(const BenchContext& context, const TrainingCase& c, BenchTraining& plain) {
  BenchTraining training(c, context.runtime);
  training.step();  // caches fill, pages are touched
  plain.step();
  std::vector<double> seconds, ratios;
  for (int round = 0; round < kRounds; ++round) {
    const double reference = seconds_of_step(plain);
    seconds.push_back(seconds_of_step(training));
    ratios.push_back(seconds.back() / reference);
  }
  const Quartiles time = quartiles(seconds), ratio = quartiles(ratios);
  BenchResult r =
      timed("train " + c.name(), {time.median, (time.third - time.first) / time.median, kRounds},
            training.flops_per_step(), c.type);
  r.tokens_per_second = training.tokens_per_step() / time.median;
  r.is_training = true;
  r.ratio = ratio.median;
  r.note = fmt::format("{:.3f} of {}'s time (quartiles {:.3f} to {:.3f})", ratio.median, kPlain,
                       ratio.first, ratio.third);
  return r;
}

}  // namespace

std::vector<BenchResult> bench_designs(const BenchContext& context) {
  std::vector<std::string> names = context.designs;
  if (names.empty()) {
    for (const Design& d : designs()) names.emplace_back(d.name);
  }
  for (const std::string& name : names) find_design(name);
  std::vector<BenchResult> results;
  for (const DType type : {DType::f32, DType::bf16}) {
    const TrainingCase c{
        .design = kPlain, .type = type, .time = context.time, .batch = context.batch};
    std::optional<BenchTraining> plain;
    for (const std::string& name : names) {
      if (name == kPlain) continue;
      TrainingCase other = c;
      other.design = name;
      if (!context.wanted("train " + other.name())) continue;
      if (!plain) plain.emplace(c, context.runtime);
      results.push_back(compare(context, other, *plain));
    }
  }
  return results;
}

}  // namespace weft::cli
