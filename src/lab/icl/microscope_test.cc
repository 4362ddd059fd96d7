#include "lab/icl/microscope.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lab/icl/layout.h"

namespace weft::icl {
namespace {

Setting small(int64_t steps) {
  Setting s;
  s.model.layers = 2;
  s.training.lr = 0.02;
  s.training.batch = s.training.eval_batch = 64;
  s.training.eval_every = 10;
  s.training.steps = steps;
  return s;
}

Runtime threads(int n) {
  Runtime runtime = Runtime::best();
  runtime.threads = n;
  return runtime;
}

MeasurePlan everything() {
  MeasurePlan plan;
  plan.condition_at = plan.distances_at = {0, 10, 20};
  plan.noise_at = {0, 20};
  plan.noise_draws = 40;
  plan.noise_reference = 500;
  plan.smoothness_steps = 15;
  plan.lambda_every = 5;
  return plan;
}

TEST(IclMicroscope, LookingChangesNothing) {
  const MeasuredRun plain = measure(small(20), {}, threads(1));
  const MeasuredRun looked = measure(small(20), everything(), threads(1));
  EXPECT_EQ(plain.theta, looked.theta);
  ASSERT_EQ(plain.curve.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(plain.curve[i].loss, looked.curve[i].loss);
  EXPECT_EQ(looked.condition.size(), 3u);
  EXPECT_EQ(looked.noise.size(), 2u);
  EXPECT_EQ(looked.distances.size(), 3u);
  ASSERT_TRUE(looked.smoothness);
  EXPECT_EQ(looked.smoothness->points.size(), 15u);
}

TEST(IclMicroscope, ThreadsChangeNothing) {
  const MeasuredRun one = measure(small(20), everything(), threads(1));
  const MeasuredRun two = measure(small(20), everything(), threads(2));
  EXPECT_EQ(one.theta, two.theta);
  EXPECT_EQ(one.condition[2].condition.r_eig, two.condition[2].condition.r_eig);
  EXPECT_EQ(one.noise[1].noise.sample.skewness, two.noise[1].noise.sample.skewness);
  EXPECT_EQ(one.smoothness->spearman, two.smoothness->spearman);
}

TEST(IclMicroscope, EveryWeaklyInstructedMachineSeesTheSame) {
  const MeasuredRun best = measure(small(10), everything(), threads(1));
  for (const Isa isa : isas_here()) {
    if (isa == Isa::avx512bf16) continue;  // of attention alone
    Runtime runtime = threads(1);
    runtime.isa = isa;
    const MeasuredRun run = measure(small(10), everything(), runtime);
    EXPECT_EQ(run.theta, best.theta) << name_of(isa);
    EXPECT_EQ(run.curve[1].median, best.curve[1].median) << name_of(isa);
    EXPECT_EQ(run.condition[1].condition.r_med, best.condition[1].condition.r_med) << name_of(isa);
  }
}

// One layer of descent is quadratic: its Hessian is one matrix along the whole path, all
// curvatures positive.
TEST(IclMicroscope, OneLayerIsQuadratic) {
  Setting s = small(20);
  s.model.layers = 1;
  s.model.form = Form::sparse;
  MeasurePlan plan = everything();
  plan.lambda_every = 1;
  const MeasuredRun run = measure(s, plan, threads(1));
  const Condition &first = run.condition[0].condition, &last = run.condition[2].condition;
  EXPECT_NEAR(first.lambda_max, last.lambda_max, 1e-12 * first.lambda_max);
  EXPECT_NEAR(first.r_eig, last.r_eig, 1e-9 * first.r_eig);
  EXPECT_EQ(first.negative, 0);
  EXPECT_EQ(first.r_med, first.r_live) << "no coordinate of it is dead";
  EXPECT_EQ(run.smoothness->negative, 0);
  for (const SmoothnessPoint& p : run.smoothness->points) {
    EXPECT_LE(p.curvature, p.lambda_max * (1 + 1e-12));
    EXPECT_GE(p.curvature, first.lambda_min * (1 - 1e-12));
  }
}

// The tails of the noise grow with those of the covariates (2310.01082; excess kurtosis 0.28, 1.1
// and 93 there, of 10,000 draws).
TEST(IclMicroscope, HeavierCovariatesMakeHeavierNoise) {
  MeasurePlan plan;
  plan.noise_at = {0};
  plan.noise_draws = 600;
  plan.noise_reference = 20000;
  std::vector<double> kurtosis;
  for (const Covariates c : {Covariates::sphere, Covariates::gaussian, Covariates::gamma}) {
    Setting s = small(0);
    s.law.covariates = c;
    s.model.layers = 3;
    s.training.seed = 1;
    const MeasuredRun run = measure(s, plan, threads(1));
    ASSERT_EQ(run.noise.size(), 1u);
    kurtosis.push_back(run.noise[0].noise.sample.excess_kurtosis);
  }
  EXPECT_LT(kurtosis[0], kurtosis[1]);
  EXPECT_LT(kurtosis[1], kurtosis[2]);
}

TEST(IclMicroscope, DeadMatricesHaveNoDistance) {
  const MeasuredRun run = measure(small(10), everything(), threads(1));
  EXPECT_EQ(run.distance_names,
            (std::vector<std::string>{"layers.0.B", "layers.0.Q", "layers.1.Q"}));
  EXPECT_EQ(run.matrices.size(), 4u);
  EXPECT_EQ(run.condition[0].condition.live, 75);
}

// A million prompts against the closed form: one layer at its minimum, 1.153846 (2306.00297).
TEST(IclMicroscope, SampledLossOfAKnownMinimum) {
  Setting s;
  s.model.layers = 1;
  s.model.form = Form::sparse;
  std::vector<double> theta(25, 0.0);
  for (size_t i = 0; i < 25; i += 6) theta[i] = -1 / 1.3;
  const SampledLoss sampled = sampled_loss(s, theta, threads(1));
  EXPECT_GE(sampled.prompts, 100000);
  EXPECT_EQ(sampled.skipped, 0);
  EXPECT_NEAR(sampled.mean, 1.153846, 4 * sampled.standard_error);
  EXPECT_LT(sampled.standard_error, 0.01);
  EXPECT_LT(sampled.median, sampled.clipped_mean);
  EXPECT_LT(sampled.clipped_mean, sampled.mean);
}

TEST(IclMicroscope, SampledLossDoesNotDependOnThreadsCountsAndStops) {
  Setting s = small(0);
  std::vector<double> theta = initial_parameters(s.model, s.law.d, 0);
  constexpr int64_t kShared = 64;
  std::vector<double> shares;
  SampledLossObserver observer;
  observer.on_progress = [&](double share) { shares.push_back(share); };
  const SampledLoss one = sampled_loss(s, theta, threads(1), kShared);
  const SampledLoss two = sampled_loss(s, theta, threads(2), kShared, observer);
  EXPECT_EQ(one.mean, two.mean);
  EXPECT_EQ(one.median, two.median);
  EXPECT_GE(shares.size(), 2u);
  EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()));
  EXPECT_EQ(shares.back(), 1);
  const std::atomic<bool> stop{true};
  observer.stop = &stop;
  EXPECT_TRUE(sampled_loss(s, theta, threads(2), kShared, observer).stopped);
  std::fill(theta.begin(), theta.end(), 1e150);
  const SampledLoss none = sampled_loss(s, theta, threads(1), kShared);
  EXPECT_EQ(none.skipped, none.prompts);
  EXPECT_TRUE(std::isnan(none.mean));
  // Short jobs too: none of them begins behind the flag.
  const std::vector<Job> jobs = {{"a", small(1), {}}, {"b", small(0), {}}};
  for (const MeasuredRun& run : run_jobs(jobs, threads(1), {}, &stop)) EXPECT_TRUE(run.stopped);
}

TEST(IclMicroscope, JobsComeBackInTheirOrder) {
  std::vector<Job> jobs;
  for (int64_t i = 0; i < 5; ++i) {
    Job job{"group", small(10 * (i % 3)), {}};
    job.setting.training.seed = i;
    jobs.push_back(job);
  }
  std::vector<double> shares;
  size_t points = 0;
  JobObserver observer;
  observer.on_progress = [&](double share) { shares.push_back(share); };
  observer.on_point = [&](size_t, const CurvePoint&) { ++points; };
  const std::vector<MeasuredRun> two = run_jobs(jobs, threads(2), observer);
  const std::vector<MeasuredRun> one = run_jobs(jobs, threads(1));
  ASSERT_EQ(two.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(two[i].setting.training.seed, static_cast<int64_t>(i));
    EXPECT_EQ(two[i].theta, one[i].theta);
  }
  EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()));
  EXPECT_NEAR(shares.back(), 1, 1e-9);
  EXPECT_EQ(points, 1u + 2 + 3 + 1 + 2);
}

TEST(IclMicroscope, StopsAndReportsWhatAnObserverThrows) {
  const MeasuredRun run = measure(small(1000), {}, threads(1), {}, [] { return true; });
  EXPECT_TRUE(run.stopped);
  EXPECT_LT(run.curve.size(), 50u);
  JobObserver observer;
  observer.on_point = [](size_t, const CurvePoint&) { throw std::runtime_error("disk full"); };
  const std::vector<Job> jobs = {{"a", small(10), {}}, {"b", small(10), {}}};
  EXPECT_THROW(run_jobs(jobs, threads(2), observer), std::runtime_error);
}

// A rate far beyond the threshold: the run ends where its parameters do, without poison in the
// numbers before.
TEST(IclMicroscope, ADivergingRunIsCutShort) {
  Setting s = small(400);
  s.training.optimizer = Optimizer::sgd;
  s.training.lr = 1e6;
  s.training.clip = 0;
  const std::vector<Job> jobs = {{"a", s, {}}};
  const std::vector<MeasuredRun> runs = run_jobs(jobs, threads(1));
  ASSERT_GE(runs[0].curve.size(), 1u);
  EXPECT_TRUE(std::isfinite(runs[0].curve[0].loss));
  EXPECT_FALSE(runs[0].stopped);
  EXPECT_GE(runs[0].lost_at, 0);
  EXPECT_EQ(runs[0].curve.back().step, runs[0].lost_at + 1);
  EXPECT_EQ(tuning_score(runs[0]), HUGE_VAL);
}

}  // namespace
}  // namespace weft::icl
