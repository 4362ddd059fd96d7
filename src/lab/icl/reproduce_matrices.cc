// P10: what the layers learn (arXiv 2306.00297): multiples of the identity, once the covariates are
// white.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lab/icl/reproduce_findings.h"
#include "lab/report/heat_map.h"

namespace weft::icl {
namespace {

using report::Plot;
using Members = std::vector<const MeasuredRun*>;

/// Square d x d matrices of a run, whitened.
std::vector<report::HeatMap> heat_maps(const MeasuredRun& run) {
  std::vector<report::HeatMap> maps;
  for (const NamedMatrix& m : run.matrices) {
    if (m.rows != run.setting.law.d || m.columns != m.rows) continue;
    const NamedMatrix w = whitened(m, run.setting.law);
    maps.push_back({w.name, w.rows, w.columns, w.values});
  }
  return maps;
}

void distance_figure(const Members& runs, Findings& f, std::string file, std::string title) {
  if (runs.empty() || runs[0]->distances.empty()) return;
  Plot plot{.title = std::move(title),
            .x_label = "step",
            .y_label = "distance to the nearest multiple of I, over the norm",
            .log_y = true};
  for (size_t i = 0; i < runs[0]->distance_names.size(); ++i) {
    const RunCurve curve = [i](const MeasuredRun& run) {
      std::vector<report::PlotPoint> points;
      for (const DistancePoint& p : run.distances) {
        points.push_back({static_cast<double>(p.step), p.distances[i]});
      }
      return points;
    };
    add_curve(plot, runs[0]->distance_names[i], runs, curve, 0.25, static_cast<int>(i));
  }
  f.figure(std::move(file), drawing_of(plot),
           "Mean over seeds; the band is a quarter of their standard deviation to each side. A "
           "random matrix stands near 1.");
}

/// -tr Q / d of each layer's whitened Q, increasing: the step sizes of descent.
std::vector<double> step_sizes(const MeasuredRun& run) {
  std::vector<double> out;
  for (const NamedMatrix& m : run.matrices) {
    if (!m.name.ends_with(".Q") || m.rows != run.setting.law.d) continue;
    const NamedMatrix w = whitened(m, run.setting.law);
    double trace = 0;
    for (int64_t i = 0; i < w.rows; ++i) trace += w.values[static_cast<size_t>(i * (w.rows + 1))];
    out.push_back(-trace / static_cast<double>(w.rows));
  }
  std::sort(out.begin(), out.end());
  return out;
}

void add_scales(const Members& runs, Findings& f) {
  struct Step {
    const char *name, *optimum;
  };
  constexpr Step kSteps[] = {{"first", "0.4224"}, {"second", "0.6891"}, {"third", "1.7142"}};
  for (size_t i = 0; i < 3; ++i) {
    std::vector<double> values;
    for (const MeasuredRun* run : runs) {
      const std::vector<double> sizes = step_sizes(*run);
      if (i < sizes.size()) values.push_back(sizes[i]);
    }
    if (values.empty()) continue;
    f.add(fmt::format("scale/preconditioned/{}", kSteps[i].name),
          fmt::format("{} step size by increasing size (exact optimum {})", kSteps[i].name,
                      kSteps[i].optimum),
          values);
  }
}

}  // namespace

void write_matrices(const Runs& runs, Findings& f) {
  f.page.section("matrices", "P10. What the layers learn");
  f.page.text(
      "With covariates of covariance Sigma and B = 0 each layer is a step of preconditioned "
      "gradient "
      "descent. Trained Q's become the inverse of Sigma times a step size: Sigma^(1/2) Q "
      "Sigma^(1/2) tends to a multiple of I. Where B is trained too, Sigma^(-1/2) B Sigma^(1/2) "
      "does "
      "the same: the layers also precondition the covariates (GD++).");
  const Members sparse = runs.of("preconditioned/adam"), block = runs.of("default/adam");
  distance_figure(sparse, f, "distance_sparse.svg",
                  "Distance from multiples of I, Sigma = diag(1, 1, 0.25, 0.0625, 1), B = 0");
  if (!sparse.empty()) {
    f.figure("matrices_sparse.svg",
             heat_maps_drawing("Learned, whitened: Sigma = diag(1, 1, 0.25, 0.0625, 1), B = 0",
                               heat_maps(*sparse[0])),
             "The first seed, after the last step.");
  }
  add_scales(sparse, f);
  f.compare("Step sizes learned by three layers with B = 0", {"scale/"});
  distance_figure(block, f, "distance_block.svg", "Distance from multiples of I, setting 1");
  if (!block.empty()) {
    f.figure("matrices_block.svg",
             heat_maps_drawing("Learned, setting 1, Adam", heat_maps(*block[0])),
             "The first seed, after the last step. The B of the last layer reaches no prediction: "
             "it stays what it was at the start.");
  }
  const std::string claim = "trained matrices tend to multiples of the identity (2306.00297)";
  if (sparse.empty() || sparse[0]->distances.empty() || sparse[0]->setting.training.steps < 1000) {
    return f.verdict(claim, Answer::not_measured, "Too few steps.");
  }
  double worst = 0;
  for (const MeasuredRun* run : sparse) {
    for (const double d : run->distances.back().distances) worst = std::max(worst, d);
  }
  f.verdict(claim,
            worst < 0.1   ? Answer::confirmed
            : worst < 0.4 ? Answer::partly
                          : Answer::not_confirmed,
            fmt::format("With B = 0 the largest distance of any layer and seed after the last step "
                        "is {}; a random matrix stands near 1.",
                        short_number(worst)));
}

}  // namespace weft::icl
