#include "lab/icl/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "base/error.h"

namespace weft::icl {
namespace {

Setting make(const char* name, std::initializer_list<const char*> sets = {}) {
  std::vector<io::Override> overrides;
  for (const char* set : sets) overrides.push_back(io::parse_override(set));
  return load_setting(name, overrides);
}

Runtime runtime(int threads, Isa isa = best_isa()) {
  Runtime rt;
  rt.threads = threads;
  rt.isa = isa;
  return rt;
}

TEST(IclTrainer, CurveHasItsPoints) {
  const Setting s = make("default", {"steps=25", "eval_every=10", "batch=50", "eval_batch=40"});
  int steps = 0;
  TrainObserver observer;
  std::vector<double> first;
  observer.on_point = [&](const TrainPoint& p, std::span<const double> theta) {
    if (p.step == 0) first.assign(theta.begin(), theta.end());
  };
  observer.on_step = [&](const StepReport& r, std::span<const double>) {
    EXPECT_EQ(r.step, steps++);
    EXPECT_GT(r.gradient_norm, 0);
  };
  const Trained t = train(s, runtime(1), observer);
  ASSERT_EQ(t.curve.size(), 4u);
  EXPECT_EQ(t.curve[0].step, 0);
  EXPECT_EQ(t.curve[2].step, 20);
  EXPECT_EQ(t.curve[3].step, 25);
  EXPECT_EQ(steps, 25);
  EXPECT_EQ(first, initial_parameters(s.model, 5, 0));  // before the step, not behind it
  EXPECT_EQ(t.skipped, 0);
  EXPECT_FALSE(t.lost || t.stopped);
}

TEST(IclTrainer, NoSteps) {
  const Setting s = make("default", {"steps=0", "eval_batch=40"});
  const Trained t = train(s, runtime(1));
  ASSERT_EQ(t.curve.size(), 1u);
  EXPECT_EQ(t.theta, initial_parameters(s.model, 5, 0));
}

TEST(IclTrainer, ThreadsAndInstructionSetsChangeNoBit) {
  const Setting settings[] = {
      make("default", {"steps=20", "batch=300"}),
      make("heavy", {"steps=20", "batch=300", "optimizer=sgd", "precision=f64"}),
      make("nonlinear", {"steps=5", "batch=200", "hidden=6"}),
      make("default", {"steps=5", "batch=200", "attention=softmax", "n=8"})};
  for (const Setting& s : settings) {
    const std::vector<double> want = train(s, runtime(1)).theta;
    EXPECT_EQ(train(s, runtime(2)).theta, want);
    for (const Isa isa : isas_here()) {
      EXPECT_EQ(train(s, runtime(1, isa)).theta, want) << name_of(isa);
    }
  }
}

TEST(IclTrainer, ManyRunsAreTheRunsOneByOne) {
  std::vector<Setting> settings;
  for (const char* seed : {"seed=0", "seed=1", "seed=2"}) {
    settings.push_back(make("default", {"steps=12", "batch=100", "eval_batch=64", seed}));
  }
  settings.push_back(make("sphere", {"steps=12", "batch=100", "eval_batch=64"}));
  std::vector<int> points(settings.size()), ends(settings.size());
  ManyObserver observer;
  observer.on_point = [&](size_t run, const TrainPoint&) { ++points[run]; };
  observer.on_end = [&](size_t run) { ++ends[run]; };
  for (const int threads : {1, 2, 8}) {
    const std::vector<Trained> all = train_all(settings, runtime(threads), observer);
    ASSERT_EQ(all.size(), settings.size());
    for (size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(all[i].theta, train(settings[i], runtime(1)).theta) << i;
    }
  }
  EXPECT_EQ(points, std::vector<int>(4, 6));
  EXPECT_EQ(ends, std::vector<int>(4, 3));
  EXPECT_NE(train(settings[0], runtime(1)).theta, train(settings[1], runtime(1)).theta);
}

TEST(IclTrainer, ObserversMayThrowAndStop) {
  const std::vector<Setting> settings(3, make("default", {"steps=40", "batch=16", "eval_every=5"}));
  ManyObserver observer;
  observer.on_point = [](size_t run, const TrainPoint&) {
    if (run == 1) throw std::runtime_error("enough");
  };
  EXPECT_THROW(train_all(settings, runtime(2), observer), std::runtime_error);
  std::atomic<bool> stop = false;
  observer.on_point = [&](size_t, const TrainPoint& p) { stop = p.step >= 10; };
  const std::vector<Trained> all = train_all(settings, runtime(1), observer, &stop);
  EXPECT_TRUE(all[0].stopped);
  EXPECT_LT(all[0].curve.back().step, 40);
}

TEST(IclTrainer, LostRunsEnd) {
  const Setting s = make("default", {"optimizer=sgd", "lr=1e6", "clip=0", "steps=50", "batch=32"});
  const Trained t = train(s, runtime(1));
  EXPECT_TRUE(t.lost);
  EXPECT_LT(t.curve.back().step, 50);
  EXPECT_GE(t.skipped, 32);
}

TEST(IclTrainer, GivenParametersMustFit) {
  const Setting s = make("default");
  EXPECT_THROW(Trainer(s, runtime(1), std::vector<double>(149)), Error);
  Trainer trainer(s, runtime(1), std::vector<double>(150));
  EXPECT_GT(trainer.evaluate().mean, 3);  // the zero predictor: |w|^2 = 5 on average
}

// Floats and doubles see the same prompts.
TEST(IclTrainer, FloatsFollowDoubles) {
  for (const char* optimizer : {"optimizer=adam", "optimizer=sgd"}) {
    Trainer narrow(make("default", {optimizer}), runtime(1));
    Trainer wide(make("default", {optimizer, "precision=f64"}), runtime(1));
    double worst = 0;
    for (int step = 0; step < 100; ++step) {
      const double a = narrow.advance().loss, b = wide.advance().loss;
      worst = std::max(worst, std::abs(a - b) / b);
    }
    EXPECT_LT(worst, 1e-4) << optimizer;
    EXPECT_GT(worst, 0) << optimizer;
  }
}

// T14: every seed. The published figure has 10 to 30 times.
TEST(IclTrainer, AdamBeatsDescentEarly) {
  std::vector<Setting> settings;
  for (int seed = 0; seed < 6; ++seed) {
    for (const char* optimizer : {"optimizer=sgd", "optimizer=adam"}) {
      settings.push_back(make("default", {optimizer, "steps=1000", "eval_every=1000"}));
      settings.back().training.seed = seed;
    }
  }
  const std::vector<Trained> all = train_all(settings, Runtime::best());
  for (size_t i = 0; i < all.size(); i += 2) {
    const double sgd = all[i].curve.back().evaluation.mean;
    const double adam = all[i + 1].curve.back().evaluation.mean;
    EXPECT_LT(adam, sgd / 3) << "seed " << i / 2;
    EXPECT_LT(sgd, 0.1);
    EXPECT_GT(adam, 3e-4);  // and not by having left the task
  }
}

/// Excess kurtosis of ||g_B - g|| at the start, g the mean of all g_B.
double noise_kurtosis(const Setting& s, int64_t draws) {
  Objective objective(s, runtime(1));
  const std::vector<double> theta = initial_parameters(s.model, s.law.d, 1);
  std::vector<std::vector<double>> gradients;
  std::vector<double> mean(theta.size());
  for (int64_t i = 0; i < draws; ++i) {
    std::vector<double> g(theta.size());
    objective.gradient({1, Purpose::noise, i}, 1000, theta, g);
    for (size_t k = 0; k < g.size(); ++k) mean[k] += g[k] / static_cast<double>(draws);
    gradients.push_back(std::move(g));
  }
  std::vector<double> norms;
  for (const std::vector<double>& g : gradients) {
    double square = 0;
    for (size_t k = 0; k < g.size(); ++k) square += std::pow(g[k] - mean[k], 2);
    norms.push_back(std::sqrt(square));
  }
  double m1 = 0, m2 = 0, m4 = 0;
  const auto n = static_cast<double>(draws);
  for (const double x : norms) m1 += x / n;
  for (const double x : norms) {
    m2 += std::pow(x - m1, 2) / n;
    m4 += std::pow(x - m1, 4) / n;
  }
  return m4 / (m2 * m2) - 3;
}

// T14: 0.28, 1.1 and 93 with 10,000 draws.
TEST(IclTrainer, GradientNoiseHasTheTailsOfTheCovariates) {
  const double sphere = noise_kurtosis(make("sphere"), 1500);
  const double gaussian = noise_kurtosis(make("default"), 1500);
  const double heavy = noise_kurtosis(make("heavy"), 1500);
  EXPECT_LT(sphere, gaussian);
  EXPECT_LT(gaussian, heavy / 3);
  EXPECT_GT(heavy, 5);
}

}  // namespace
}  // namespace weft::icl
