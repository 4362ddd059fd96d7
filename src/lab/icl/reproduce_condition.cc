// P3: the robust condition number along both paths (arXiv 2310.01082), with the definitions that
// do without the published one's artefact.
#include <fmt/format.h>

#include <cmath>

#include "lab/icl/reproduce_findings.h"

namespace weft::icl {
namespace {

using report::Plot;
using Members = std::vector<const MeasuredRun*>;

struct Law {
  const char *group, *name;
};
constexpr Law kLaws[] = {
    {"default", "setting 1"}, {"few", "setting 2"}, {"heavy", "setting 3"}, {"sphere", "sphere"}};

struct Definition {
  const char *id, *name;
  double Condition::*ratio;
};
constexpr Definition kDefinitions[] = {{"r_med", "R_med, as published", &Condition::r_med},
                                       {"r_live", "R_live", &Condition::r_live},
                                       {"r_eig", "R_eig", &Condition::r_eig}};

void curves(const Runs& runs, Findings& f) {
  for (const Definition& d : kDefinitions) {
    Plot plot{.title = fmt::format("Setting 1: {}", d.name),
              .x_label = "step",
              .y_label = "largest over median",
              .log_y = true};
    add_curve(plot, "SGD, momentum", runs.of("default/sgd"), condition_curve(d.ratio), 0.5, 1);
    add_curve(plot, "Adam", runs.of("default/adam"), condition_curve(d.ratio), 0.5, 0);
    f.figure(fmt::format("{}.svg", d.id), drawing_of(plot),
             "Mean over seeds; the band is half their standard deviation to each side, as "
             "published.");
  }
  Plot plot{.title = "R_live of SGD over that of Adam",
            .x_label = "step",
            .y_label = "ratio, mean over seeds; 1: no difference",
            .log_y = true};
  for (int i = 0; const Law& law : kLaws) {
    const Members sgd = runs.of(fmt::format("{}/sgd", law.group));
    const Members adam = runs.of(fmt::format("{}/adam", law.group));
    if (sgd.empty() || adam.empty()) continue;
    report::PlotLine line{.name = law.name, .marked = false, .colour = i++};
    for (const ConditionPoint& p : adam[0]->condition) {
      const std::vector<double> ratio = ratios(conditions_at(sgd, p.step, &Condition::r_live),
                                               conditions_at(adam, p.step, &Condition::r_live));
      line.points.push_back({static_cast<double>(p.step), stats::mean(ratio)});
    }
    plot.lines.push_back(std::move(line));
  }
  f.figure("r_live_ratio.svg", drawing_of(plot),
           "Ratio of each seed, then the mean. Above 1 Adam walks where the loss is better "
           "conditioned.");
}

void negative_figure(const Runs& runs, Findings& f) {
  Plot plot{.title = "Negative eigenvalues of the Hessian, setting 1",
            .x_label = "step",
            .y_label = "eigenvalues below 0, of the live coordinates"};
  const RunCurve negative = [](const MeasuredRun& run) {
    std::vector<report::PlotPoint> points;
    for (const ConditionPoint& p : run.condition) {
      points.push_back({static_cast<double>(p.step), static_cast<double>(p.condition.negative)});
    }
    return points;
  };
  add_curve(plot, "SGD, momentum", runs.of("default/sgd"), negative, 0.5, 1);
  add_curve(plot, "Adam", runs.of("default/adam"), negative, 0.5, 0);
  f.figure("negative.svg", drawing_of(plot),
           "Where there are any the loss is not convex: sizes of eigenvalues are used, and their "
           "signs are lost in every one of these ratios.");
}

void quantities(const Runs& runs, Findings& f) {
  for (const Law& law : kLaws) {
    const Members sgd = runs.of(fmt::format("{}/sgd", law.group));
    const Members adam = runs.of(fmt::format("{}/adam", law.group));
    for (const Definition& d : kDefinitions) {
      for (const int64_t step : {250, 750, 1250, 2000, 5000}) {
        f.add(fmt::format("ratio/{}/{}/{}", law.group, d.id, step),
              fmt::format("{}: {} of SGD over Adam's, step {}", law.name, d.id, step),
              ratios(conditions_at(sgd, step, d.ratio), conditions_at(adam, step, d.ratio)));
      }
    }
  }
  for (const char* optimizer : {"sgd", "adam"}) {
    const Members members = runs.of(fmt::format("default/{}", optimizer));
    for (const Definition& d : kDefinitions) {
      for (const int64_t step : {0, 250, 750, 1250, 2000}) {
        f.add(fmt::format("condition/default/{}/{}/{}", optimizer, d.id, step),
              fmt::format("{}: {} before step {}", optimizer, d.id, step),
              conditions_at(members, step, d.ratio));
      }
    }
    std::vector<double> negative, upper;
    for (const MeasuredRun* run : members) {
      const Condition* const c = run->condition_at(0);
      if (!c) continue;
      negative.push_back(static_cast<double>(c->negative));
      upper.push_back(c->r_med_upper);
    }
    f.add(fmt::format("condition/default/{}/negative/0", optimizer),
          fmt::format("{}: negative eigenvalues at initialisation", optimizer), negative);
    f.add(fmt::format("condition/default/{}/r_med_upper/0", optimizer),
          fmt::format("{}: R_med at initialisation with the upper median", optimizer), upper);
  }
}

void tables(Findings& f) {
  std::vector<StepRow> path, ratio;
  for (const Definition& d : kDefinitions) {
    for (const char* optimizer : {"sgd", "adam"}) {
      path.push_back({fmt::format("{}, {}", d.id, optimizer),
                      fmt::format("condition/default/{}/{}/", optimizer, d.id)});
    }
  }
  f.by_step("Setting 1 along the path: mean over seeds (sd)", path);
  f.compare("Setting 1 beside earlier values", {"condition/"});
  for (const Law& law : kLaws) {
    for (const Definition& d : kDefinitions) {
      ratio.push_back(
          {fmt::format("{}, {}", law.name, d.id), fmt::format("ratio/{}/{}/", law.group, d.id)});
    }
  }
  f.by_step("SGD's robust condition number over Adam's: of each seed, then mean (sd)", ratio);
  f.compare("The same beside the published table",
            {"ratio/default/", "ratio/few/", "ratio/heavy/", "ratio/sphere/"});
}

/// From which measured step on Adam's mean stays above SGD's, by each definition.
std::string crossings(const Runs& runs) {
  const Members sgd = runs.of("default/sgd"), adam = runs.of("default/adam");
  if (sgd.empty() || adam.empty()) return "";
  std::string text = "In setting 1, to the last measured step:";
  for (const Definition& d : kDefinitions) {
    int64_t from = -1;
    for (const ConditionPoint& p : adam[0]->condition) {
      const bool above = stats::mean(conditions_at(adam, p.step, d.ratio)) >
                         stats::mean(conditions_at(sgd, p.step, d.ratio));
      if (!above) from = -1;
      if (above && from < 0) from = p.step;
    }
    text += from < 0
                ? fmt::format(" by {} Adam's mean does not stay above SGD's;", d.id)
                : fmt::format(" by {} Adam's mean stays above SGD's from step {} on;", d.id, from);
  }
  text.back() = '.';
  return text;
}

void judge(Findings& f) {
  const std::string claim =
      "Adam walks where the loss is better conditioned (R_med, steps 750 and "
      "1250, settings 1 to 3)";
  int held = 0, live_held = 0, asked = 0;
  std::string reason;
  for (const Law& law : kLaws) {
    for (const int step : {750, 1250}) {
      const Quantity* const q = f.find(fmt::format("ratio/{}/r_med/{}", law.group, step));
      const Quantity* const live = f.find(fmt::format("ratio/{}/r_live/{}", law.group, step));
      if (!q || !live) continue;
      reason += fmt::format("{}{}, {}: {} and live {}", reason.empty() ? "" : "; ", law.name, step,
                            mean_text(q->values), mean_text(live->values));
      if (std::string_view(law.group) == "sphere") continue;
      ++asked;
      held += stats::mean(q->values) > 1;
      live_held += stats::interval95(live->values).low > 1;
    }
  }
  if (asked == 0) return f.verdict(claim, Answer::not_measured, "Too few steps.");
  const bool all = held == asked && live_held == asked;
  f.verdict(
      claim,
      all        ? Answer::confirmed
      : held > 0 ? Answer::partly
                 : Answer::not_confirmed,
      fmt::format("SGD's ratio over Adam's, mean (sd) over seeds: {}. Of {} published "
                  "comparisons the mean is above 1 in {}; without the dead coordinates the 95 "
                  "% interval lies above 1 in {}.",
                  reason, asked, held, live_held));
}

}  // namespace

void write_condition(const Runs& runs, Findings& f) {
  f.page.section("condition", "P3. Robust condition numbers");
  f.page.text(
      "R_med is the largest over the median entry of the Hessian's diagonal, on the evaluation "
      "batch: the paper's stand-in for a condition number that a single huge or tiny direction "
      "does "
      "not decide. R_live is the same without the coordinates that cannot matter; R_eig takes the "
      "sizes of the eigenvalues of that live block instead of its diagonal.");
  f.page.caveat(
      "The published curve begins near 250, and that value is an artefact. Of 150 diagonal entries "
      "25 are dead zeros, 50 (the B's) are tiny, 75 (the Q's) are of one size, and the lower of "
      "the "
      "two middle entries happens to be the largest of the small ones. The upper one gives about "
      "2, "
      "and so does R_live.");
  curves(runs, f);
  negative_figure(runs, f);
  quantities(runs, f);
  tables(f);
  f.page.text(crossings(runs));
  f.page.caveat(
      "A few seeds leave wide error bars, and two steps of a curve (750 and 1250, as published) "
      "are a choice: the ratios above stand by step and by law, below 1 where the order of the two "
      "optimisers is reversed.");
  judge(f);
}

}  // namespace weft::icl
