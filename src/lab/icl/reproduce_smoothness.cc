// P4 and P5: directional smoothness along both paths, and smoothness against the gradient's norm
// (arXiv 2310.01082).
#include <fmt/format.h>

#include <cmath>

#include "lab/icl/reproduce_findings.h"

namespace weft::icl {
namespace {

using report::Plot;

struct Law {
  const char *group, *name;
};
constexpr Law kLaws[] = {
    {"default", "setting 1"}, {"few", "setting 2"}, {"heavy", "setting 3"}, {"sphere", "sphere"}};

/// The run of a group that was followed; null: none.
const MeasuredRun* followed(const Runs& runs, const std::string& group) {
  for (const MeasuredRun* run : runs.of(group)) {
    if (run->smoothness) return run;
  }
  return nullptr;
}

/// Medians over windows of 20 steps: single steps are too rough to see.
std::vector<report::PlotPoint> smoothed(const Smoothness& s) {
  constexpr size_t kWindow = 20;
  std::vector<report::PlotPoint> points;
  for (size_t from = 0; from < s.points.size(); from += kWindow) {
    std::vector<double> inside;
    const size_t to = std::min(from + kWindow, s.points.size());
    for (size_t i = from; i < to; ++i) inside.push_back(s.points[i].curvature);
    points.push_back({static_cast<double>(s.points[from].step), stats::median(inside)});
  }
  return points;
}

void path_figure(const Runs& runs, Findings& f, const Law& law) {
  Plot plot{.title = fmt::format("Directional smoothness, {}, seed 1", law.name),
            .x_label = "step",
            .y_label = "curvature along the step, median of 20 steps",
            .log_y = true};
  for (const auto& [optimizer, name, colour] :
       {std::tuple{"sgd", "SGD, momentum", 1}, {"adam", "Adam", 0}}) {
    const MeasuredRun* const run = followed(runs, fmt::format("{}/{}", law.group, optimizer));
    if (!run) continue;
    plot.lines.push_back(
        {.name = name, .points = smoothed(*run->smoothness), .marked = false, .colour = colour});
  }
  f.figure(fmt::format("smoothness_{}.svg", law.group), drawing_of(plot),
           "u'Hu on the evaluation batch, u the direction of the optimiser's own step. A gap in a "
           "line: the median is negative.");
}

void windows(const Runs& runs, Findings& f) {
  report::TableCells table{
      "Curvature along the step by windows of steps: mean / median (negative ones), seed 1",
      {"", "10-99", "100-499", "500-999", "1000-1999"},
      {}};
  for (const Law& law : kLaws) {
    for (const char* optimizer : {"sgd", "adam"}) {
      const MeasuredRun* const run = followed(runs, fmt::format("{}/{}", law.group, optimizer));
      if (!run) continue;
      std::vector<std::string> row = {fmt::format("{}, {}", law.name, optimizer)};
      for (const SmoothnessWindow& w : run->smoothness->windows) {
        row.push_back(
            fmt::format("{} / {} ({})", short_number(w.mean), short_number(w.median), w.negative));
        f.add(fmt::format("smoothness/{}/{}/{}", law.group, optimizer, w.from),
              fmt::format("{}, {}: mean curvature, steps {} to {}", law.name, optimizer, w.from,
                          w.to - 1),
              {w.mean});
      }
      row.resize(table.header.size(), "-");
      table.rows.push_back(std::move(row));
    }
  }
  f.page.table(table);
}

void judge_path(Findings& f) {
  const std::string claim = "Adam's path is smoother than SGD's (setting 1)";
  int held = 0, asked = 0;
  std::string reason;
  for (const int from : {10, 100, 500, 1000}) {
    const Quantity* const sgd = f.find(fmt::format("smoothness/default/sgd/{}", from));
    const Quantity* const adam = f.find(fmt::format("smoothness/default/adam/{}", from));
    if (!sgd || !adam) continue;
    ++asked;
    held += adam->values[0] < sgd->values[0];
    reason += fmt::format("{}{} against {} from step {}", reason.empty() ? "" : ", ",
                          short_number(adam->values[0]), short_number(sgd->values[0]), from);
  }
  if (asked < 4) return f.verdict(claim, Answer::not_measured, "Too few steps.");
  f.verdict(claim,
            held == asked ? Answer::confirmed
            : held > 0    ? Answer::partly
                          : Answer::not_confirmed,
            "Mean curvature, Adam against SGD: " + reason + ". One seed, as published.");
}

void scatter(const MeasuredRun& run, Findings& f) {
  const Smoothness& s = *run.smoothness;
  Plot plot{.title = "Smoothness against the gradient's norm, Adam, setting 1, seed 1",
            .x_label = "norm of the gradient on the evaluation batch",
            .y_label = "curvature",
            .log_x = true,
            .log_y = true};
  report::PlotDots along{.name = "along the step", .shaded = true, .colour = 0};
  report::PlotDots largest{.name = "largest eigenvalue", .shaded = true, .colour = 1};
  for (const SmoothnessPoint& p : s.points) {
    along.points.push_back({p.gradient_norm, p.curvature});
    if (!std::isnan(p.lambda_max)) largest.points.push_back({p.gradient_norm, p.lambda_max});
  }
  plot.dots = {std::move(along), std::move(largest)};
  f.figure("local_smoothness.svg", drawing_of(plot),
           fmt::format("Dark: late steps. {} of {} steps have a negative curvature and no "
                       "logarithm: they are not in the picture.",
                       s.negative, s.points.size()));
}

void correlations(const Runs& runs, Findings& f) {
  report::TableCells table{
      "Rank correlation of gradient norm and curvature, seed 1; slope: robust line in logarithms; "
      "L0 and L1: robust line of the largest eigenvalue",
      {"", "Spearman's rho", "slope", "dropped (negative)", "rho of the largest eigenvalue", "L0",
       "L1"},
      {}};
  for (const Law& law : kLaws) {
    for (const char* optimizer : {"adam", "sgd"}) {
      const MeasuredRun* const run = followed(runs, fmt::format("{}/{}", law.group, optimizer));
      if (!run) continue;
      const Smoothness& s = *run->smoothness;
      table.rows.push_back({fmt::format("{}, {}", law.name, optimizer), short_number(s.spearman),
                            short_number(s.logarithmic.slope),
                            fmt::format("{} of {}", s.negative, s.points.size()),
                            short_number(s.spearman_lambda), short_number(s.bound.intercept),
                            short_number(s.bound.slope)});
      f.add(fmt::format("spearman/{}/{}", law.group, optimizer),
            fmt::format("{}, {}: Spearman's rho", law.name, optimizer), {s.spearman});
      f.add(fmt::format("dropped/{}/{}", law.group, optimizer),
            fmt::format("{}, {}: steps with negative curvature", law.name, optimizer),
            {static_cast<double>(s.negative)});
    }
  }
  f.page.table(table);
}

}  // namespace

void write_smoothness(const Runs& runs, Findings& f) {
  f.page.section("smoothness", "P4. Directional smoothness");
  f.page.text(
      "How curved the loss is along the very step that an optimiser takes: u'H(theta_t)u with u "
      "the "
      "normalised step. What is small can be walked with a large rate.");
  path_figure(runs, f, kLaws[0]);
  path_figure(runs, f, kLaws[2]);
  windows(runs, f);
  f.compare("Mean curvature along the step", {"smoothness/"});
  f.page.caveat(
      "Where single steps spike, as heavy-tailed covariates (setting 3) make them, a mean over a "
      "window is one spike, so the medians stand beside it.");
  judge_path(f);

  f.page.section("l0l1", "P5. Smoothness against the gradient's norm");
  f.page.text(
      "(L0, L1)-smoothness claims that the Hessian is bounded by L0 + L1 ||gradient||: where the "
      "gradient is small the loss is flatter, and clipping helps.");
  if (const MeasuredRun* const run = followed(runs, "default/adam")) scatter(*run, f);
  correlations(runs, f);
  f.compare("Correlation and dropped steps", {"spearman/", "dropped/"});
  f.page.caveat(
      "Negative curvatures have no logarithm and drop out of such a picture without a word. They "
      "are counted in the table.");
  const std::string claim = "curvature grows with the gradient's norm";
  const Quantity* const rho = f.find("spearman/default/adam");
  if (!rho || followed(runs, "default/adam")->smoothness->points.back().step < 1000) {
    return f.verdict(claim, Answer::not_measured, "Too few steps.");
  }
  const double r = rho->values[0];
  f.verdict(claim,
            r > 0.7   ? Answer::confirmed
            : r > 0.3 ? Answer::partly
                      : Answer::not_confirmed,
            fmt::format("Spearman's rho is {} in setting 1 for Adam, over its first steps{}.",
                        short_number(r), r > 0.3 ? ": a tendency with scatter, not a law" : ""));
}

}  // namespace weft::icl
