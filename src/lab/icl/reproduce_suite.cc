#include "lab/icl/reproduce_suite.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "lab/icl/layout.h"

namespace weft::icl {
namespace {

constexpr Optimizer kOptimizers[] = {Optimizer::sgd, Optimizer::adam};
constexpr int64_t kNoiseSeed = 1;  // the paper looks at noise and smoothness of seed 1

Setting named(std::string_view name) {
  for (const NamedSetting& s : named_settings()) {
    if (s.name == name) return s.make();
  }
  fail(ErrorCode::runtime, {"reproduction", "a named setting", std::string(name), ""});
}

/// A setting of the suite with its optimiser, the published rate, and the sizes of the scale.
Setting sized(Setting s, Optimizer optimizer, const SuiteSizes& sizes, int64_t steps) {
  s.training.optimizer = optimizer;
  const Rates rates = suggested_rates(s);
  s.training.lr = rates.lr;
  s.training.clip = rates.clip;
  s.training.batch = s.training.batch * sizes.batch / 1000;
  s.training.eval_batch = sizes.eval_batch;
  s.training.eval_every = sizes.eval_every;
  s.training.steps = steps;
  return s;
}

std::string group_of(std::string_view name, Optimizer optimizer) {
  return fmt::format("{}/{}", name, name_of(optimizer));
}

/// The models whose rates are to be found: their settings by name.
std::vector<std::pair<std::string, Setting>> untuned(const SuiteSizes& sizes) {
  std::vector<std::pair<std::string, Setting>> out;
  for (const int64_t layers : {2, 4, 6, 8}) {
    Setting s = named("default");
    s.model.layers = layers;
    s.training.steps = sizes.depth_steps;
    out.emplace_back(fmt::format("L{}", layers), s);
  }
  Setting s = named("default");
  s.model.form = Form::full;
  s.training.steps = sizes.softmax_steps;
  out.emplace_back("full", s);
  s.model.scores = Scores::softmax;
  s.model.path = Path::literal;
  out.emplace_back("softmax", s);
  s.model.divide_softmax = false;
  out.emplace_back("softmax-undivided", s);
  return out;
}

void add_seeds(std::vector<Job>& jobs, const std::string& group, Setting s, int64_t seeds,
               const MeasurePlan& plan, const MeasurePlan& plan_of_one) {
  for (int64_t seed = 0; seed < seeds; ++seed) {
    s.training.seed = seed;
    jobs.push_back({group, s, seed == kNoiseSeed ? plan_of_one : plan});
  }
}

/// The four laws of covariates, both optimisers, everything measured.
void add_settings(std::vector<Job>& jobs, const SuiteSizes& sizes) {
  for (const char* name : {"default", "few", "heavy", "sphere"}) {
    for (const Optimizer optimizer : kOptimizers) {
      const Setting s = sized(named(name), optimizer, sizes, sizes.steps);
      MeasurePlan plan;
      plan.condition_at = sizes.condition_at;
      if (optimizer == Optimizer::adam) plan.distances_at = sizes.condition_at;
      MeasurePlan one = plan;
      one.smoothness_steps = sizes.smoothness_steps;
      one.noise_draws = sizes.noise_draws;
      one.noise_reference = sizes.noise_reference;
      one.noise_at = sizes.noise_at;
      // Both begin at the same parameters.
      if (optimizer == Optimizer::sgd) std::erase(one.noise_at, 0);
      add_seeds(jobs, group_of(name, optimizer), s, sizes.seeds, plan, one);
    }
  }
}

void add_tuned(std::vector<Job>& jobs, const SuiteSizes& sizes,
               const std::map<std::string, double>& rates) {
  for (const auto& [name, setting] : untuned(sizes)) {
    for (const Optimizer optimizer : kOptimizers) {
      const std::string group = group_of(name, optimizer);
      Setting s = sized(setting, optimizer, sizes, setting.training.steps);
      if (const auto rate = rates.find(group); rate != rates.end()) s.training.lr = rate->second;
      MeasurePlan plan;
      const bool depth = setting.model.form == Form::block;
      if (depth) plan.condition_at = sizes.depth_condition_at;
      MeasurePlan one = plan;
      if (depth && optimizer == Optimizer::adam) {
        one.noise_at = {0};
        one.noise_draws = sizes.noise_draws;
        one.noise_reference = sizes.noise_reference;
      }
      add_seeds(jobs, group, s, sizes.seeds, plan, one);
    }
  }
}

}  // namespace

JobCost cost_of(const Setting& s, const MeasurePlan& plan) {
  const auto p = static_cast<double>(layout_of(s.model, s.law.d).size);
  const auto side = static_cast<double>(s.law.d + 1), n = static_cast<double>(s.law.n);
  // A layer forward and back; the literal path also multiplies every token with every other.
  double layer = 40 * side * side * side;
  if (s.model.path == Path::literal) layer = 18 * n * side * (n + 2 * side);
  JobCost c;
  c.prompt = layer * static_cast<double>(s.model.layers) + 30 * n * side;
  if (s.model.hidden > 0) c.prompt += 24 * n * static_cast<double>(s.model.hidden) * side;
  if (s.law.covariates == Covariates::gamma) c.prompt += 1200 * n;
  const auto within = [&](const std::vector<int64_t>& steps) {
    return static_cast<double>(std::count_if(
        steps.begin(), steps.end(), [&](int64_t step) { return step <= s.training.steps; }));
  };
  const double batch = static_cast<double>(s.training.batch) * c.prompt;
  const double eval = static_cast<double>(s.training.eval_batch) * c.prompt;
  c.step = batch + eval / static_cast<double>(2 * s.training.eval_every);
  // In float64 and with a derivative more: about six times a gradient of single precision.
  c.hessian = 6 * p * eval;
  c.follow = 8 * eval;
  c.noise = static_cast<double>(plan.noise_draws) * batch +
            static_cast<double>(plan.noise_reference) * c.prompt;
  const auto followed = static_cast<double>(std::min(plan.smoothness_steps, s.training.steps));
  const double lambdas =
      plan.lambda_every > 0 ? std::ceil(followed / static_cast<double>(plan.lambda_every)) : 0;
  c.total = static_cast<double>(s.training.steps) * c.step +
            (within(plan.condition_at) + lambdas) * c.hessian + followed * c.follow +
            within(plan.noise_at) * c.noise;
  return c;
}

SuiteSizes sizes_of(Scale scale) {
  if (scale == Scale::smoke) {
    return {.seeds = 2,
            .nonlinear_seeds = 2,
            .deep_seeds = 0,
            .steps = 40,
            .depth_steps = 20,
            .softmax_steps = 20,
            .nonlinear_steps = 20,
            .tuning_steps = 10,
            .batch = 64,
            .eval_batch = 64,
            .eval_every = 10,
            .noise_draws = 50,
            .noise_reference = 640,
            .smoothness_steps = 30,
            .condition_at = {0, 20, 40},
            .depth_condition_at = {0},
            .noise_at = {0, 20},
            .rates = {0.005, 0.02}};
  }
  SuiteSizes sizes{.seeds = 6,
                   .nonlinear_seeds = 5,
                   .deep_seeds = 0,
                   .steps = 10000,
                   .depth_steps = 10000,
                   .softmax_steps = 10000,
                   .nonlinear_steps = 10000,
                   .tuning_steps = 2000,
                   .batch = 1000,
                   .eval_batch = 1000,
                   .eval_every = 50,
                   .noise_draws = 10000,
                   .noise_reference = 100000,
                   .smoothness_steps = 2000,
                   .condition_at = {},
                   .depth_condition_at = {0, 250, 750, 1250, 2000},
                   .noise_at = {0, 250, 1000, 5000},
                   .rates = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2}};
  for (int64_t step = 0; step <= 10000; step += 250) sizes.condition_at.push_back(step);
  if (scale == Scale::paper) {
    sizes.rates = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5};
    sizes.deep_seeds = 1;
    return sizes;
  }
  // Every 250 steps where the published curves are, fewer where they are flat.
  std::erase_if(sizes.condition_at,
                [](int64_t step) { return step > 2000 && step % 1000 != 0 && step != 2500; });
  sizes.softmax_steps = 3000;
  sizes.tuning_steps = 1500;
  return sizes;
}

std::vector<Job> tuning_jobs(Scale scale) {
  const SuiteSizes sizes = sizes_of(scale);
  std::vector<Job> jobs;
  for (const auto& [name, setting] : untuned(sizes)) {
    for (const Optimizer optimizer : kOptimizers) {
      Setting s =
          sized(setting, optimizer, sizes, std::min(sizes.tuning_steps, setting.training.steps));
      for (const double rate : sizes.rates) {
        s.training.lr = rate;
        jobs.push_back({group_of(name, optimizer), s, {}});
      }
    }
  }
  return jobs;
}

double tuning_score(const MeasuredRun& run) {
  double sum = 0;
  const size_t from = run.curve.size() - std::max<size_t>(1, run.curve.size() / 4);
  for (size_t i = from; i < run.curve.size(); ++i) sum += run.curve[i].clipped_mean;
  const double score = sum / static_cast<double>(run.curve.size() - from);
  return std::isfinite(score) && run.skipped == 0 ? score : HUGE_VAL;
}

std::map<std::string, double> best_rates(std::span<const MeasuredRun> runs) {
  std::map<std::string, double> best, score;
  for (const MeasuredRun& run : runs) {
    if (run.curve.empty()) continue;
    const double s = tuning_score(run);
    const auto [at, first] = score.emplace(run.group, s);
    if (first || s < at->second) {
      at->second = s;
      best[run.group] = run.setting.training.lr;
    }
  }
  return best;
}

std::vector<Job> suite_jobs(Scale scale, const std::map<std::string, double>& rates) {
  const SuiteSizes sizes = sizes_of(scale);
  std::vector<Job> jobs;
  add_settings(jobs, sizes);
  add_tuned(jobs, sizes, rates);
  MeasurePlan nonlinear;
  nonlinear.condition_at = sizes.depth_condition_at;
  for (const Optimizer optimizer : kOptimizers) {
    add_seeds(jobs, group_of("nonlinear", optimizer),
              sized(named("nonlinear"), optimizer, sizes, sizes.nonlinear_steps),
              sizes.nonlinear_seeds, nonlinear, nonlinear);
  }
  for (const Optimizer optimizer : kOptimizers) {
    add_seeds(jobs, group_of("deep", optimizer),
              sized(named("deep"), optimizer, sizes, sizes.steps), sizes.deep_seeds, {}, {});
  }
  MeasurePlan distances;
  distances.distances_at = sizes.condition_at;
  add_seeds(jobs, "preconditioned/adam",
            sized(named("preconditioned"), Optimizer::adam, sizes, sizes.steps), sizes.seeds,
            distances, distances);
  return jobs;
}

}  // namespace weft::icl
