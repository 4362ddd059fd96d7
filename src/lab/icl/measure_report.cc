#include "lab/icl/measure_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lab/icl/layout.h"
#include "lab/report/heat_map.h"

namespace weft::icl {
namespace {

using report::Plot;
using report::PlotLine;

/// Hessians take parameters^2 numbers and as many gradients: beyond this nobody would wait.
constexpr int64_t kMostParameters = 1000;

PlotLine line_of(std::string name, const MeasuredRun& run, const RunCurve& curve) {
  std::vector<report::PlotPoint> points = curve(run);
  return {.name = std::move(name), .points = std::move(points), .marked = false};
}

void write_loss(const MeasuredRun& run, Findings& f) {
  f.page.section("loss", "Loss");
  Plot plot{.title = "Evaluation loss", .x_label = "step", .y_label = "loss", .log_y = true};
  plot.lines = {line_of("mean", run, loss_curve()), line_of("median", run, median_curve())};
  f.figure(
      "loss.svg", drawing_of(plot),
      fmt::format("Over {} prompts that are never trained on. Where mean and median part, a few "
                  "prompts make the mean.",
                  run.setting.training.eval_batch));
}

void write_conditions(const MeasuredRun& run, Findings& f) {
  if (run.condition.empty()) return;
  f.page.section("condition", "Robust condition numbers");
  Plot plot{.title = "Largest over median curvature",
            .x_label = "step",
            .y_label = "of the Hessian's diagonal (R_med, R_live), its eigenvalues (R_eig)",
            .log_y = true};
  plot.lines = {line_of("R_med", run, condition_curve(&Condition::r_med)),
                line_of("R_live", run, condition_curve(&Condition::r_live)),
                line_of("R_eig", run, condition_curve(&Condition::r_eig))};
  f.figure(
      "condition.svg", drawing_of(plot),
      "R_med: over all coordinates, as published; R_live: without those that no loss can feel; "
      "R_eig: by the sizes of the eigenvalues of that live block.");
  report::TableCells table{"The Hessian on the evaluation batch",
                           {"step", "R_med", "R_med, upper median", "R_live", "R_eig",
                            "largest eigenvalue", "smallest", "negative"},
                           {}};
  for (const auto& [step, c] : run.condition) {
    table.rows.push_back({std::to_string(step), short_number(c.r_med), short_number(c.r_med_upper),
                          short_number(c.r_live), short_number(c.r_eig), short_number(c.lambda_max),
                          short_number(c.lambda_min), fmt::format("{} of {}", c.negative, c.live)});
  }
  f.page.table(table);
}

void write_noises(const MeasuredRun& run, Findings& f) {
  if (run.noise.empty()) return;
  f.page.section("noise", "Gradient noise");
  report::TableCells table{
      "X = ||g_B - g||; after the slash Gaussian noise of the same covariance",
      {"step", "median", "max", "skewness", "excess kurtosis", "Hill 5 %", "Hill 1 %"},
      {}};
  Plot qq{.title = "Tails of the noise",
          .x_label = "quantile of Gaussian noise of the same covariance, over its median",
          .y_label = "quantile of the noise, over the same",
          .log_x = true,
          .log_y = true};
  for (const auto& [step, n] : run.noise) {
    Plot bars{.title = fmt::format("Gradient noise before step {}", step),
              .x_label = "|| g_B - g ||",
              .y_label = "density"};
    bars.bars = {{.name = "noise", .edges = n.histogram.edges, .heights = n.histogram.density}};
    f.figure(fmt::format("noise_{}.svg", step), drawing_of(bars),
             fmt::format("{} batches of {} prompts; {} draws lie further out than the picture.",
                         n.draws, n.batch, n.beyond));
    PlotLine line{.name = fmt::format("step {}", step), .marked = false};
    for (const stats::Point& p : n.qq) {
      line.points.push_back({p.x / n.null.median, p.y / n.null.median});
    }
    qq.lines.push_back(std::move(line));
    const auto beside = [](double ours, double null) {
      return short_number(ours) + " / " + short_number(null);
    };
    table.rows.push_back({std::to_string(step), short_number(n.sample.median),
                          short_number(n.sample.most), beside(n.sample.skewness, n.null.skewness),
                          beside(n.sample.excess_kurtosis, n.null.excess_kurtosis),
                          beside(n.sample.hill5, n.null.hill5),
                          beside(n.sample.hill1, n.null.hill1)});
  }
  f.figure("noise_qq.svg", drawing_of(qq), "Gaussian noise would lie on the diagonal.");
  f.page.table(table);
}

void write_path(const MeasuredRun& run, Findings& f) {
  if (!run.smoothness) return;
  const Smoothness& s = *run.smoothness;
  f.page.section("smoothness", "Smoothness along the path");
  Plot path{.title = "Curvature along each step",
            .x_label = "step",
            .y_label = "u'Hu on the evaluation batch",
            .log_y = true};
  Plot scatter{.title = "Curvature against the gradient's norm",
               .x_label = "norm of the gradient",
               .y_label = "curvature",
               .log_x = true,
               .log_y = true};
  report::PlotDots along{.name = "along the step", .shaded = true, .colour = 0};
  report::PlotDots largest{.name = "largest eigenvalue", .shaded = true, .colour = 1};
  report::PlotDots steps{.name = "along the step", .colour = 0};
  for (const SmoothnessPoint& p : s.points) {
    steps.points.push_back({static_cast<double>(p.step), p.curvature});
    along.points.push_back({p.gradient_norm, p.curvature});
    if (!std::isnan(p.lambda_max)) largest.points.push_back({p.gradient_norm, p.lambda_max});
  }
  path.dots = {std::move(steps)};
  scatter.dots = {std::move(along), std::move(largest)};
  const std::string left_out = fmt::format(
      "{} of {} steps have a negative curvature and no logarithm: they are not in the picture.",
      s.negative, s.points.size());
  f.figure("smoothness.svg", drawing_of(path), left_out);
  f.figure("local_smoothness.svg", drawing_of(scatter), "Dark: late steps. " + left_out);
  f.page.text(
      fmt::format("Spearman's rho of gradient norm and curvature: {}; of the largest "
                  "eigenvalue: {}. L0 {}, L1 {}.",
                  short_number(s.spearman), short_number(s.spearman_lambda),
                  short_number(s.bound.intercept), short_number(s.bound.slope)));
  report::TableCells table{"By windows of steps", {"steps", "mean", "median", "negative"}, {}};
  for (const SmoothnessWindow& w : s.windows) {
    table.rows.push_back({fmt::format("{}-{}", w.from, w.to - 1), short_number(w.mean),
                          short_number(w.median), std::to_string(w.negative)});
  }
  f.page.table(table);
}

void write_learned(const MeasuredRun& run, Findings& f) {
  std::vector<report::HeatMap> maps;
  for (const NamedMatrix& m : run.matrices) {
    if (m.rows < 2 || m.rows != m.columns) continue;
    const NamedMatrix w = whitened(m, run.setting.law);
    maps.push_back({w.name, w.rows, w.columns, w.values});
  }
  if (maps.empty()) return;
  f.page.section("matrices", "Learned matrices");
  f.figure("matrices.svg", heat_maps_drawing("After the last step, in white coordinates", maps),
           "Every map has its own scale.");
  if (run.distances.empty()) return;
  Plot plot{.title = "Distance from multiples of I",
            .x_label = "step",
            .y_label = "over the norm of the matrix",
            .log_y = true};
  for (size_t i = 0; i < run.distance_names.size(); ++i) {
    PlotLine line{.name = run.distance_names[i], .marked = false};
    for (const DistancePoint& p : run.distances) {
      line.points.push_back({static_cast<double>(p.step), p.distances[i]});
    }
    plot.lines.push_back(std::move(line));
  }
  f.figure("distances.svg", drawing_of(plot), "1: nothing of the matrix is a multiple of I.");
}

}  // namespace

MeasurePlan plan_for(const Setting& setting) {
  const int64_t steps = setting.training.steps;
  MeasurePlan plan;
  // Whole multiples of the evaluation's interval, about twenty of them, and the end.
  const int64_t every = std::max<int64_t>(1, setting.training.eval_every);
  const int64_t stride = std::max(every, steps / 20 / every * every);
  for (int64_t step = 0; step < steps; step += stride) plan.distances_at.push_back(step);
  plan.distances_at.push_back(steps);
  const ParameterLayout layout = layout_of(setting.model, setting.law.d);
  if (layout.size <= kMostParameters) plan.condition_at = plan.distances_at;
  plan.noise_at = {0};
  if (steps > 1) plan.noise_at.push_back(steps / 2);
  if (steps > 0) plan.noise_at.push_back(steps);
  // The cost of a training run at most, and no more draws than say something.
  plan.noise_draws = std::clamp<int64_t>(steps / 2, 200, 5000);
  plan.smoothness_steps = std::min<int64_t>(steps, 2000);
  plan.lambda_every = layout.size <= kMostParameters ? 20 : 0;
  return plan;
}

Findings describe(const MeasuredRun& run) {
  const Training& t = run.setting.training;
  Findings f(fmt::format("A run of setting {}", run.setting.name),
             fmt::format("{}, rate {:g}, seed {}, {} steps of {} prompts; by `weft icl measure`",
                         name_of(t.optimizer), t.lr, t.seed, t.steps, t.batch));
  write_loss(run, f);
  write_conditions(run, f);
  write_noises(run, f);
  write_path(run, f);
  write_learned(run, f);
  return f;
}

}  // namespace weft::icl
