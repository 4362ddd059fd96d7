// The optimisation lab: steps of setting 1 of arXiv 2310.01082 on one core, and seeds on all.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "cli/bench.h"
#include "lab/icl/kernel_block.h"
#include "lab/icl/trainer.h"
#include "runtime/peak.h"

namespace weft::cli {
namespace {

using icl::Objective;
using icl::Precision;
using icl::Setting;
using icl::Trainer;

Setting setting_of(Precision precision, icl::Path path = icl::Path::gram) {
  Setting s = icl::load_setting("default", {});
  s.training.precision = precision;
  s.model.path = path;
  return s;
}

/// The lab has no kernels of its own for avx512bf16.
Isa kernel_isa(const BenchContext& context) {
  return std::min(context.runtime.isa, Isa::avx512);
}

Runtime one_core(Isa isa) {
  Runtime rt;
  rt.isa = isa;
  return rt;
}

std::vector<double> gradient(const Setting& s, Isa isa) {
  Objective objective(s, one_core(isa));
  const std::vector<double> theta = icl::initial_parameters(s.model, s.law.d, s.training.seed);
  std::vector<double> g(theta.size());
  objective.gradient({0, icl::Purpose::test, 0}, s.training.batch, theta, g);
  return g;
}

/// Every instruction set gives the bits of the weakest, floats follow doubles, and the Gram path is
/// the literal one.
void check() {
  const auto refuse = [](const std::string& what) {
    fail(ErrorCode::runtime, {"bench icl", "gradients that agree", what, "weft check"});
  };
  const std::vector<double> wide = gradient(setting_of(Precision::f64), kBaseIsa);
  const auto distance = [&](const std::vector<double>& g) {
    double error = 0, norm = 0;
    for (size_t i = 0; i < g.size(); ++i) {
      error += std::pow(g[i] - wide[i], 2);
      norm += std::pow(wide[i], 2);
    }
    return std::sqrt(error / norm);
  };
  for (const Precision precision : {Precision::f32, Precision::f64}) {
    const Setting s = setting_of(precision);
    const std::vector<double> base = gradient(s, kBaseIsa);
    if (distance(base) > 1e-5) refuse("f32 far from f64");
    const std::vector<double> literal =
        gradient(setting_of(precision, icl::Path::literal), kBaseIsa);
    if (distance(literal) > 1e-5) refuse("the literal path far from the Gram path");
    for (const Isa isa : isas_here()) {
      if (gradient(s, isa) != base) refuse(std::string(weft::name_of(isa)) + " differs");
    }
  }
}

/// Seconds that the prompts of a batch take by themselves.
template <class T>
double sampling_seconds(const Setting& s, Isa isa) {
  const icl::Sampler sampler(s.law, isa);
  const Buffer prompts(static_cast<size_t>(sampler.layout().entries() * icl::kPack) * sizeof(T));
  std::vector<float> scratch(static_cast<size_t>(sampler.scratch()));
  int64_t step = 0;
  const auto draw = [&] {
    for (int64_t p = 0; p * icl::kPack < s.training.batch; ++p) {
      sampler.fill({0, icl::Purpose::test, step}, p, static_cast<T*>(prompts.data()),
                   scratch.data());
    }
    ++step;
  };
  return time_runs(draw, 0.1, 20).median;
}

double flops_of_step(const Setting& s) {
  return static_cast<double>(s.training.batch) * icl::block_flops(s.law.d, s.law.n, s.model.layers);
}

void bench_step(const BenchContext& context, Precision precision, Isa isa, double core_share,
                std::vector<BenchResult>& results) {
  const std::string name =
      fmt::format("icl step {} {}", icl::name_of(precision), weft::name_of(isa));
  if (!context.wanted(name)) return;
  const Setting s = setting_of(precision);
  Trainer trainer(s, one_core(isa));
  const Timing timing = time_runs([&] { trainer.advance(); }, 0.5, 20);
  const bool narrow = precision == Precision::f32;
  const double sampling =
      narrow ? sampling_seconds<float>(s, isa) : sampling_seconds<double>(s, isa);
  BenchResult r = timed(name, timing, flops_of_step(s), DType::f32);
  // A vector holds half as many doubles.
  r.share_of_machine = core_share * (narrow ? 1 : 0.5);
  r.note = fmt::format("{:.0f} steps/s on one core, {:.0f} % of it sampling", 1 / timing.median,
                       100 * sampling / timing.median);
  results.push_back(std::move(r));
}

void bench_literal(const BenchContext& context, double core_share,
                   std::vector<BenchResult>& results) {
  const Isa isa = kernel_isa(context);
  const std::string name = fmt::format("icl literal step f32 {}", weft::name_of(isa));
  if (!context.wanted(name)) return;
  Trainer trainer(setting_of(Precision::f32, icl::Path::literal), one_core(isa));
  const Timing timing = time_runs([&] { trainer.advance(); }, 0.5, 10);
  // By the operations that the step needs: every score of every column is more than that.
  BenchResult r = timed(name, timing, flops_of_step(setting_of(Precision::f32)), DType::f32);
  r.share_of_machine = core_share;
  r.note = fmt::format(
      "{:.0f} steps/s on one core, every score of every column; its share of the "
      "peak counts the work of the Gram path",
      1 / timing.median);
  results.push_back(std::move(r));
}

/// As many seeds as threads, at once.
void bench_seeds(const BenchContext& context, std::vector<BenchResult>& results) {
  const int threads = context.runtime.threads;
  const std::string name =
      fmt::format("icl seeds f32 {}, {} threads", weft::name_of(kernel_isa(context)), threads);
  if (!context.wanted(name)) return;
  constexpr int64_t kSteps = 400;
  std::vector<Setting> settings;
  for (int64_t seed = 0; seed < threads; ++seed) {
    settings.push_back(setting_of(Precision::f32));
    settings.back().training.seed = seed;
    settings.back().training.steps = kSteps;
    settings.back().training.eval_every = kSteps;
  }
  const Timing timing = time_runs([&] { icl::train_all(settings, context.runtime); }, 0.5, 5);
  const double steps = static_cast<double>(kSteps) * threads;
  BenchResult r = timed(name, timing, steps * flops_of_step(settings[0]), DType::f32);
  r.note =
      fmt::format("{:.0f} steps/s of all together, {} steps each", steps / timing.median, kSteps);
  results.push_back(std::move(r));
}

}  // namespace

std::vector<BenchResult> bench_icl(const BenchContext& context) {
  std::vector<BenchResult> results;
  double core_share = 1;  // of the peak of all threads
  if (!context.listing) {
    check();
    // Of two measurements the larger: something else may have had the core in one of them.
    const double core_peak =
        std::max(measure_gemm_peak(one_core(context.runtime.isa), DType::f32, 0.2),
                 context.peaks.gflops_f32 / context.runtime.threads);
    core_share = core_peak / context.peaks.gflops_f32;
  }
  for (const Precision precision : {Precision::f32, Precision::f64}) {
    for (const Isa isa : isas_here()) {
      if (isa > kernel_isa(context)) continue;
      if (isa == Isa::generic && context.runtime.isa != isa && !context.all) continue;
      bench_step(context, precision, isa, core_share, results);
    }
  }
  bench_literal(context, core_share, results);
  bench_seeds(context, results);
  return results;
}

}  // namespace weft::cli
