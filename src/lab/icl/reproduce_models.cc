// P7, P8, P9: depth, softmax against linear scores, and labels through a perceptron
// (arXiv 2310.01082).
#include <fmt/format.h>

#include <cmath>

#include "lab/icl/reproduce_findings.h"

namespace weft::icl {
namespace {

using report::Plot;
using Members = std::vector<const MeasuredRun*>;

int64_t steps_of(const Members& runs) {
  return runs.empty() ? 0 : runs[0]->setting.training.steps;
}

std::string rate_of(const Members& runs) {
  return runs.empty() ? "-" : short_number(runs[0]->setting.training.lr);
}

Plot race(const Runs& runs, const std::string& group, std::string title, double share) {
  Plot plot{.title = std::move(title), .x_label = "step", .y_label = "loss", .log_y = true};
  add_curve(plot, "SGD, momentum", runs.of(group + "/sgd"), loss_curve(), share, 1);
  add_curve(plot, "Adam", runs.of(group + "/adam"), loss_curve(), share, 0);
  return plot;
}

/// Mean over seeds of the last clipped mean.
std::vector<double> last_clipped(const Members& runs) {
  std::vector<double> out;
  for (const MeasuredRun* run : runs) out.push_back(run->curve.back().clipped_mean);
  return out;
}

void depth_figure(const Runs& runs, Findings& f) {
  Plot plot{.title = "Deeper models, setting 1",
            .x_label = "step",
            .y_label = "median loss; dotted: SGD",
            .log_y = true};
  for (int i = 0; const int layers : {2, 4, 6, 8}) {
    for (const char* optimizer : {"sgd", "adam"}) {
      const bool sgd = std::string_view(optimizer) == "sgd";
      add_curve(plot, sgd ? "" : fmt::format("{} layers", layers),
                runs.of(fmt::format("L{}/{}", layers, optimizer)), median_curve(), 0, i, sgd);
    }
    ++i;
  }
  plot.bands.clear();
  f.figure("depth.svg", drawing_of(plot),
           "Median over the evaluation prompts, mean over seeds. Rates were searched for each "
           "depth and optimiser on a logarithmic grid.");
}

void depth_table(const Runs& runs, Findings& f) {
  report::TableCells table{
      "Depth, after the last step: clipped mean loss (sd over seeds); R_live of SGD over Adam's",
      {"layers", "rate SGD", "rate Adam", "SGD", "Adam", "SGD / Adam", "R_live, 750",
       "R_live, 1250"},
      {}};
  for (const int layers : {2, 4, 6, 8}) {
    const Members sgd = runs.of(fmt::format("L{}/sgd", layers));
    const Members adam = runs.of(fmt::format("L{}/adam", layers));
    if (sgd.empty() || adam.empty()) continue;
    const std::string id = fmt::format("depth/L{}/", layers);
    f.add(id + "sgd", fmt::format("{} layers, SGD: last clipped loss", layers), last_clipped(sgd));
    f.add(id + "adam", fmt::format("{} layers, Adam: last clipped loss", layers),
          last_clipped(adam));
    f.add(id + "gap", fmt::format("{} layers: SGD's last loss over Adam's", layers),
          ratios(last_clipped(sgd), last_clipped(adam)));
    std::vector<std::string> row = {std::to_string(layers),
                                    rate_of(sgd),
                                    rate_of(adam),
                                    mean_text(last_clipped(sgd)),
                                    mean_text(last_clipped(adam)),
                                    mean_text(ratios(last_clipped(sgd), last_clipped(adam)))};
    for (const int64_t step : {750, 1250}) {
      const std::vector<double> live = ratios(conditions_at(sgd, step, &Condition::r_live),
                                              conditions_at(adam, step, &Condition::r_live));
      row.push_back(mean_text(live));
      f.add(fmt::format("ratio/L{}/r_live/{}", layers, step),
            fmt::format("{} layers: R_live of SGD over Adam's, step {}", layers, step), live);
      f.add(fmt::format("ratio/L{}/r_med/{}", layers, step),
            fmt::format("{} layers: R_med of SGD over Adam's, step {}", layers, step),
            ratios(conditions_at(sgd, step, &Condition::r_med),
                   conditions_at(adam, step, &Condition::r_med)));
    }
    table.rows.push_back(std::move(row));
  }
  f.page.table(table);
}

/// The first step at which the mean over seeds is at most `loss`; "never".
std::string mean_steps_to(const Members& runs, double loss) {
  if (runs.empty()) return "-";
  for (const CurvePoint& p : runs[0]->curve) {
    if (stats::mean(losses_at(runs, p.step)) <= loss) return std::to_string(p.step);
  }
  return fmt::format("not in {}", steps_of(runs));
}

}  // namespace

void write_depth(const Runs& runs, Findings& f) {
  f.page.section("depth", "P7. Depth");
  f.page.text(
      fmt::format("Two to eight layers, setting 1, {} steps. Published in words: the loss falls "
                  "with depth, and "
                  "the gap between the optimisers, the tails of the noise and (from four layers) "
                  "the gap of the "
                  "condition numbers grow.",
                  steps_of(runs.of("L2/adam"))));
  depth_figure(runs, f);
  depth_table(runs, f);
  if (!runs.of("deep/adam").empty()) {
    f.figure("deep.svg", drawing_of(race(runs, "deep", "8 layers, d 20, n 60", 0.25)),
             "One seed, the rates of setting 1.");
  }
  f.page.caveat(
      "Where both optimisers come to the same loss there is nothing left to be faster at: a gap "
      "near "
      "1 at some depth says no more than that. The tails of the noise by depth are in the table of "
      "P2.");
  const std::string claim = "the gap between Adam and SGD grows with depth";
  const Quantity* const two = f.find("depth/L2/gap");
  const Quantity* const eight = f.find("depth/L8/gap");
  if (!two || !eight || steps_of(runs.of("L2/adam")) < 1000) {
    return f.verdict(claim, Answer::not_measured, "Too few steps.");
  }
  const double a = stats::median(two->values), b = stats::median(eight->values);
  f.verdict(claim, b > 1.5 * a ? Answer::confirmed : Answer::not_confirmed,
            fmt::format("SGD's clipped loss over Adam's after the last step, median over seeds: {} "
                        "with two layers, {} with eight.",
                        short_number(a), short_number(b)));
}

void write_softmax(const Runs& runs, Findings& f) {
  f.page.section("softmax", "P8. Softmax against linear attention");
  const Members linear = runs.of("full/adam"), softmax = runs.of("softmax/adam");
  const int64_t last = steps_of(softmax);
  f.page.text(fmt::format(
      "The same three layers with softmax scores (over all keys, the query's own among them), {} "
      "steps, in the full form, in which all of P and Q is trained. Softmax weights sum to one; "
      "the "
      "paper's code divides them by n once more, and both variants are here. Rates were searched "
      "on "
      "a logarithmic grid for each.",
      last));
  Plot plot{.title = "Softmax and linear attention, full form, setting 1",
            .x_label = "step",
            .y_label = "loss, mean over seeds; dotted: SGD",
            .log_y = true};
  struct Model {
    const char *group, *name;
  };
  for (int i = 0;
       const Model& m : {Model{"softmax", "softmax / n"}, Model{"softmax-undivided", "softmax"},
                         Model{"full", "linear"}}) {
    for (const char* optimizer : {"sgd", "adam"}) {
      const Members members = runs.of(fmt::format("{}/{}", m.group, optimizer));
      const bool sgd = std::string_view(optimizer) == "sgd";
      add_curve(plot, sgd ? "" : m.name, members, loss_curve(), 0.25, i, sgd);
      f.add(fmt::format("softmax/{}/{}/{}", m.group, optimizer, last),
            fmt::format("{}, {}: loss before step {}", m.name, optimizer, last),
            losses_at(members, last));
    }
    ++i;
  }
  f.figure("softmax.svg", drawing_of(plot),
           "Mean over seeds; the band is a quarter of their standard deviation to each side.");
  report::TableCells table{
      "Steps until the mean loss over seeds is at most 1, and the last loss",
      {"", "rate SGD", "rate Adam", "to 1, SGD", "to 1, Adam", "last, SGD", "last, Adam"},
      {}};
  for (const Model& m : {Model{"softmax", "softmax / n"}, Model{"softmax-undivided", "softmax"},
                         Model{"full", "linear"}}) {
    const Members a = runs.of(fmt::format("{}/sgd", m.group));
    const Members b = runs.of(fmt::format("{}/adam", m.group));
    table.rows.push_back({m.name, rate_of(a), rate_of(b), mean_steps_to(a, 1), mean_steps_to(b, 1),
                          mean_text(losses_at(a, last)), mean_text(losses_at(b, last))});
  }
  f.page.table(table);
  f.page.caveat(
      "In the block form, which the other experiments train, softmax cannot do the task at all: "
      "its "
      "weights sum to one and the corner of P is fixed at one, so a layer moves the answer by no "
      "more "
      "than a mean of labels.");
  const std::string claim = "linear attention trains much faster than softmax on this task";
  const std::vector<double> gap = ratios(losses_at(softmax, last), losses_at(linear, last));
  if (last < 1000 || gap.empty() || std::isnan(stats::mean(gap))) {
    return f.verdict(claim, Answer::not_measured, "Too few steps.");
  }
  f.verdict(
      claim, stats::median(gap) > 3 ? Answer::confirmed : Answer::not_confirmed,
      fmt::format("With Adam, softmax's loss (divided by n, as published) before step {} is {} "
                  "times that of linear attention of the same form.",
                  last, mean_text(gap)));
}

void write_nonlinear(const Runs& runs, Findings& f) {
  f.page.section("nonlinear", "P9. Labels through a perceptron");
  const Members sgd = runs.of("nonlinear/sgd"), adam = runs.of("nonlinear/adam");
  const int64_t last = steps_of(adam);
  f.page.text(fmt::format(
      "Labels are linear in a fixed random perceptron's output; a trained perceptron stands before "
      "three full layers (551 parameters). {} steps, {} seeds.",
      last, adam.size()));
  f.figure("nonlinear.svg", drawing_of(race(runs, "nonlinear", "Non-linear regression", 0.5)),
           "Mean over seeds; the band is half their standard deviation to each side.");
  for (const auto& [optimizer, members] : {std::pair{"sgd", &sgd}, {"adam", &adam}}) {
    for (const int64_t step : {0, 1000, 2000, 9900}) {
      f.add(fmt::format("nonlinear/{}/{}", optimizer, step),
            fmt::format("{}: loss before step {}", optimizer, step), losses_at(*members, step));
    }
  }
  for (const int64_t step : {0, 750, 1250, 2000}) {
    for (const auto& [id, ratio] :
         {std::pair{"r_med", &Condition::r_med}, {"r_live", &Condition::r_live}}) {
      f.add(fmt::format("ratio/nonlinear/{}/{}", id, step),
            fmt::format("{} of SGD over Adam's, step {}", id, step),
            ratios(conditions_at(sgd, step, ratio), conditions_at(adam, step, ratio)));
    }
  }
  const std::vector<StepRow> losses = {{"SGD, momentum", "nonlinear/sgd/"},
                                       {"Adam", "nonlinear/adam/"}};
  const std::vector<StepRow> conditions = {{"R_med", "ratio/nonlinear/r_med/"},
                                           {"R_live", "ratio/nonlinear/r_live/"}};
  f.by_step("Loss, mean over seeds (sd)", losses);
  f.by_step("Condition numbers of SGD over Adam's, mean over seeds (sd)", conditions);
  f.compare("Non-linear regression beside the published values",
            {"nonlinear/", "ratio/nonlinear/"});
  const std::string claim =
      "the same picture with non-linear labels: Adam ahead, better conditioned";
  const int64_t step = std::min<int64_t>(last, 2000);
  const std::vector<double> gap = ratios(losses_at(sgd, step), losses_at(adam, step));
  const Quantity* const condition = f.find("ratio/nonlinear/r_med/1250");
  if (last < 1000 || gap.empty() || !condition) {
    return f.verdict(claim, Answer::not_measured, "Too few steps.");
  }
  const bool ahead = stats::median(gap) > 2, flatter = stats::median(condition->values) > 1;
  f.verdict(claim,
            ahead && flatter   ? Answer::confirmed
            : ahead || flatter ? Answer::partly
                               : Answer::not_confirmed,
            fmt::format("SGD's loss over Adam's at step {}: {}; R_med of SGD over Adam's at step "
                        "1250: {}.",
                        step, mean_text(gap), mean_text(condition->values)));
}

}  // namespace weft::icl
