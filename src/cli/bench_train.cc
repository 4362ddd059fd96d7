#include <fmt/format.h>

#include "cli/bench.h"
#include "cli/bench_training.h"
#include "cli/table.h"

namespace weft::cli {
namespace {

/// Measures for `seconds`, at least `least` steps.
void bench_case(const BenchContext& context, const TrainingCase& c, double seconds, int least,
                std::vector<BenchResult>& results) {
  if (!context.wanted("train " + c.name())) return;
  restart_resident_peak();
  const double before = resident_memory().now;
  BenchTraining training(c, context.runtime);
  // A long window is one step of minutes: nothing to be gained from a second one.
  const Timing timing = time_runs([&] { training.step(); }, seconds, least, least == 1);
  BenchResult r = timed("train " + c.name(), timing, training.flops_per_step(), c.type);
  r.tokens_per_second = training.tokens_per_step() / timing.median;
  r.is_training = true;
  r.note = fmt::format("{} planned, {} taken", human_bytes(training.planned_bytes()),
                       human_bytes(resident_memory().peak - before));
  results.push_back(std::move(r));
}

}  // namespace

std::vector<BenchResult> bench_train(const BenchContext& context) {
  std::vector<TrainingCase> cases;
  const auto both = [&](TrainingCase c) {
    for (const DType type : {DType::f32, DType::bf16}) {
      c.type = type;
      cases.push_back(c);
    }
  };
  both({});
  if (context.all) {
    both({.time = 1024, .batch = 1, .size = kLarge});
    if (!context.profile) {
      for (const char* more : {"resformer", "svformer", "sla", "stick-breaking"}) {
        both({.design = more});
      }
    }
  }
  std::vector<BenchResult> results;
  for (const TrainingCase& c : cases) {
    if (context.profile) {
      if (!context.wanted("train " + c.name())) continue;
      for (BenchResult& r : bench_profile(context, c)) results.push_back(std::move(r));
    } else {
      bench_case(context, c, 8, 2, results);
    }
  }
  if (context.long_text) {
    for (const DType type : {DType::f32, DType::bf16}) {
      const TrainingCase c{.type = type, .time = 32768, .batch = 1, .recompute = true};
      bench_case(context, c, 0, 1, results);
    }
  }
  return results;
}

}  // namespace weft::cli
