// The chapters of a reproduction on made-up runs: every number that others published has one of
// ours beside it, every figure is drawn, every verdict is spoken.
#include "lab/icl/reproduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/random.h"
#include "lab/icl/layout.h"
#include "lab/icl/published.h"
#include "lab/icl/reproduce_findings.h"

namespace weft::icl {
namespace {

/// Noise whose excess kurtosis is about `kurtosis`.
GradientNoise made_up_noise(double kurtosis) {
  GradientNoise n;
  n.draws = 100, n.batch = 1000, n.reference = 10000, n.gradient_norm = 1;
  n.sample = {2, 2, 5, 0.5, kurtosis, 10, 8, 1.5};
  n.null = {2, 2, 4, 0.3, 0.2, 15, 12, 1.4};
  n.histogram = {{1, 2, 3}, {0.4, 0.6}};
  n.qq = {{1, 1}, {2, 2.1}, {3, 4}};
  return n;
}

/// A run as the suite would give it, with losses that fall like 1 / step, Adam's `gap` times
/// faster.
MeasuredRun made_up(const Job& job, double gap) {
  const Training& t = job.setting.training;
  const bool adam = t.optimizer == Optimizer::adam;
  const auto seed = static_cast<double>(t.seed);
  MeasuredRun run;
  run.group = job.group;
  run.setting = job.setting;
  for (int64_t step = 0; step <= t.steps; step += t.eval_every) {
    const double loss = 5 * (1 + 0.1 * seed) / (1 + (adam ? gap : 1) * static_cast<double>(step));
    run.curve.push_back({step, loss, loss / 2, 0.9 * loss, 1, t.lr, 0, 0.1});
  }
  for (const int64_t step : job.plan.condition_at) {
    if (step > t.steps) continue;
    const double r = adam ? 30 + seed : 90 + 5 * seed;
    run.condition.push_back({step, {r, r / 10, r / 2, 2 * r, 4 * r, 5, -1, 30, 125}});
  }
  for (const int64_t step : job.plan.noise_at) {
    if (step > t.steps) continue;
    const double k = job.setting.law.covariates == Covariates::gamma    ? 90
                     : job.setting.law.covariates == Covariates::sphere ? 0.3
                                                                        : 1;
    run.noise.push_back({step, made_up_noise(k)});
  }
  if (job.plan.smoothness_steps > 0) {
    std::vector<SmoothnessPoint> points;
    const int64_t stride = std::max<int64_t>(1, job.plan.smoothness_steps / 200);
    for (int64_t step = 0; step < job.plan.smoothness_steps; step += stride) {
      const double g = 10 / (1 + static_cast<double>(step));
      points.push_back({step, g, (adam ? 1 : 10) * (1 + g), 2 + g});
    }
    run.smoothness = smoothness_of(std::move(points));
  }
  const ParameterLayout layout = layout_of(job.setting.model, job.setting.law.d);
  for (const ParameterBlock& b : layout.blocks) {
    run.matrices.push_back(
        {b.name, b.rows, b.cols, std::vector<double>(static_cast<size_t>(b.size()), -0.5)});
  }
  for (const int64_t step : job.plan.distances_at) {
    if (step > t.steps) continue;
    run.distance_names = {"layers.0.Q"};
    run.distances.push_back({step, {0.01 + 1 / (1 + static_cast<double>(step))}});
  }
  return run;
}

Findings all_chapters(const Runs& runs) {
  Findings f("title", "subtitle");
  for (const auto write : {write_gap, write_noise, write_condition, write_smoothness, write_tails,
                           write_depth, write_softmax, write_nonlinear, write_matrices}) {
    write(runs, f);
  }
  return f;
}

Runs made_up_suite(Scale scale, double gap) {
  std::vector<MeasuredRun> runs;
  for (const Job& job : suite_jobs(scale, {})) runs.push_back(made_up(job, gap));
  return Runs(std::move(runs));
}

TEST(IclReproduce, EveryPublishedNumberHasOneOfOursBesideIt) {
  const Findings f = all_chapters(made_up_suite(Scale::paper, 10));
  std::set<std::string_view> missing;
  for (const Reference& r : references()) {
    if (!f.find(r.id)) missing.insert(r.id);
  }
  EXPECT_EQ(missing, std::set<std::string_view>{});
  std::set<std::string> ids;
  for (const Quantity& q : f.quantities()) EXPECT_TRUE(ids.insert(q.id).second) << q.id;
  EXPECT_EQ(f.verdicts().size(), 10u);
  for (const Verdict& v : f.verdicts()) EXPECT_NE(v.answer, Answer::not_measured) << v.claim;
}

TEST(IclReproduce, VerdictsFollowTheNumbers) {
  const auto first = [](double gap) {
    return all_chapters(made_up_suite(Scale::laptop, gap)).verdicts()[0].answer;
  };
  EXPECT_EQ(first(10), Answer::confirmed);
  EXPECT_EQ(first(2), Answer::partly);
  EXPECT_EQ(first(0.1), Answer::not_confirmed);
}

TEST(IclReproduce, ThePageShowsFiguresAndPublishedValues) {
  const Findings f = all_chapters(made_up_suite(Scale::laptop, 10));
  const std::string html = f.page.html();
  EXPECT_GE(f.figures().size(), 20u);
  std::set<std::string> files;
  for (const NamedFigure& figure : f.figures()) {
    EXPECT_TRUE(files.insert(figure.file).second) << figure.file;
    EXPECT_NE(html.find(figure.svg), std::string::npos) << figure.file;
    EXPECT_EQ(figure.svg.find("nan"), std::string::npos) << figure.file;
    EXPECT_EQ(figure.svg.find("inf"), std::string::npos) << figure.file;
  }
  EXPECT_NE(html.find("1.76 (0.40) [P]; 2.57 (0.91), second output [P]"), std::string::npos);
  const nlohmann::json json = to_json(f);
  EXPECT_EQ(json.at("figures").size(), files.size());
  for (const nlohmann::json& q : json.at("quantities")) {
    EXPECT_TRUE(q.at("ci95").is_array()) << q;
    EXPECT_FALSE(q.at("seeds").empty()) << q;
  }
}

// Nothing may be asked for at a step at which nothing is measured.
TEST(IclReproduce, PlansLieOnEvaluatedSteps) {
  for (const Scale scale : {Scale::smoke, Scale::laptop, Scale::paper}) {
    const SuiteSizes sizes = sizes_of(scale);
    EXPECT_EQ(sizes.steps % sizes.eval_every, 0);
    EXPECT_TRUE(std::is_sorted(sizes.condition_at.begin(), sizes.condition_at.end()));
    for (const Job& job : suite_jobs(scale, {})) {
      EXPECT_GT(cost_of(job.setting, job.plan).total, 0) << job.group;
      EXPECT_NO_THROW(check_setting(job.setting)) << job.group;
    }
  }
}

TEST(IclReproduce, TheBestRateIsTheLeastLateLoss) {
  const auto run = [](std::string group, double lr, std::vector<double> losses) {
    MeasuredRun r;
    r.group = std::move(group);
    r.setting.training.lr = lr;
    for (const double loss : losses) r.curve.push_back({0, loss, loss, loss, 0, lr, 0, 0});
    return r;
  };
  std::vector<MeasuredRun> runs = {run("a", 0.01, {5, 4, 3, 2}), run("a", 0.1, {5, 1, 1, 1}),
                                   run("a", 1, {5, 0.1, 9, NAN}), run("b", 1, {5, 5, 5, 5})};
  EXPECT_EQ(best_rates(runs), (std::map<std::string, double>{{"a", 0.1}, {"b", 1}}));
  // A run that left prompts out is no good, whatever its loss.
  runs[1].skipped = 3;
  EXPECT_EQ(best_rates(runs).at("a"), 0.01);
}

TEST(IclReproduce, MeansAreOverRatiosOfSeeds) {
  const std::vector<double> sgd = {10, 2}, adam = {1, 2};
  EXPECT_EQ(ratios(sgd, adam), (std::vector<double>{10, 1}));
  EXPECT_EQ(mean_text(ratios(sgd, adam)), "5.5 (6.36)");
  EXPECT_EQ(mean_text(std::vector<double>{0.25}), "0.25");
  EXPECT_EQ(short_number(1.234e-7), "1.23e-7");
  EXPECT_EQ(short_number(1234.56), "1,235");
  EXPECT_EQ(short_number(999.7), "1,000");
  EXPECT_EQ(short_number(2e7), "2e7");
  EXPECT_EQ(short_number(-HUGE_VAL), "-inf");
  EXPECT_EQ(short_number(std::nan("")), "-");
}

}  // namespace
}  // namespace weft::icl
