// P2: heavy-tailed gradient noise (arXiv 2310.01082), held against Gaussian noise of the same
// covariance.
#include <fmt/format.h>

#include "lab/icl/reproduce_findings.h"

namespace weft::icl {
namespace {

using report::Plot;

/// What was measured of a group at a step; null: nothing.
const GradientNoise* noise_of_group(const Runs& runs, std::string_view group, int64_t step) {
  for (const MeasuredRun* run : runs.of(group)) {
    for (const NoisePoint& p : run->noise) {
      if (p.step == step) return &p.noise;
    }
  }
  return nullptr;
}

std::vector<std::string> noise_row(std::string name, const GradientNoise& n) {
  const auto with_null = [](double ours, double null) {
    return short_number(ours) + " / " + short_number(null);
  };
  return {std::move(name),
          short_number(n.sample.median),
          short_number(n.sample.most),
          with_null(n.sample.skewness, n.null.skewness),
          with_null(n.sample.excess_kurtosis, n.null.excess_kurtosis),
          with_null(n.sample.hill5, n.null.hill5),
          with_null(n.sample.hill1, n.null.hill1),
          with_null(n.sample.q99_over_q50, n.null.q99_over_q50),
          short_number(n.coordinate_kurtosis)};
}

report::TableCells noise_table(std::string caption) {
  return {std::move(caption),
          {"", "median", "max", "skewness / null", "excess kurtosis / null", "Hill 5 % / null",
           "Hill 1 % / null", "q99/q50 / null", "kurtosis of a coordinate"},
          {}};
}

void histogram_figure(Findings& f, std::string file, std::string title, const GradientNoise& n) {
  Plot bars{.title = std::move(title), .x_label = "|| g_B - g ||", .y_label = "density"};
  bars.bars = {{.name = "noise", .edges = n.histogram.edges, .heights = n.histogram.density}};
  f.figure(std::move(file), drawing_of(bars),
           fmt::format("{} batches of {} prompts; the true gradient from {} prompts. {} draws lie "
                       "further out than the picture.",
                       n.draws, n.batch, n.reference, n.beyond));
}

/// Quantiles of several samples against their own nulls, in units of the null's median.
void qq_figure(Findings& f, std::string file, std::string title,
               const std::vector<std::pair<std::string, const GradientNoise*>>& noises) {
  Plot plot{.title = std::move(title),
            .x_label = "quantile of Gaussian noise of the same covariance, over its median",
            .y_label = "quantile of the noise, over the same",
            .log_x = true,
            .log_y = true};
  double least = 1, most = 1;
  for (const auto& [name, noise] : noises) {
    report::PlotLine line{.name = name, .marked = false};
    for (const stats::Point& p : noise->qq) {
      line.points.push_back({p.x / noise->null.median, p.y / noise->null.median});
    }
    least = std::min(least, line.points.front().x);
    most = std::max(most, line.points.back().x);
    plot.lines.push_back(std::move(line));
  }
  plot.lines.push_back({.name = "",
                        .points = {{least, least}, {most, most}},
                        .marked = false,
                        .dashed = true,
                        .colour = 4});
  f.figure(std::move(file), drawing_of(plot),
           "Dotted: noise that is Gaussian. A norm of Gaussian noise is skewed by itself; what "
           "rises above the dotted line at the right end is the heavy tail.");
}

void write_laws(const Runs& runs, Findings& f) {
  report::TableCells table = noise_table(
      "Noise of the gradient at initialisation, seed 1; after the slash Gaussian noise of "
      "the same "
      "covariance");
  std::vector<std::pair<std::string, const GradientNoise*>> noises;
  for (const auto& [group, name] : {std::pair{"sphere", "sphere"},
                                    {"default", "setting 1"},
                                    {"few", "setting 2"},
                                    {"heavy", "setting 3"},
                                    {"L2", "2 layers"},
                                    {"L4", "4 layers"},
                                    {"L6", "6 layers"},
                                    {"L8", "8 layers"}}) {
    const GradientNoise* const n = noise_of_group(runs, fmt::format("{}/adam", group), 0);
    if (!n) continue;
    table.rows.push_back(noise_row(name, *n));
    if (group[0] != 'L') noises.emplace_back(name, n);
    const std::string id = fmt::format("noise/{}/", group);
    f.add(id + "median", fmt::format("{}: median of X", name), {n->sample.median});
    f.add(id + "max", fmt::format("{}: largest X", name), {n->sample.most});
    f.add(id + "kurtosis", fmt::format("{}: excess kurtosis", name), {n->sample.excess_kurtosis});
    f.add(id + "kurtosis_null", fmt::format("{}: excess kurtosis of the null", name),
          {n->null.excess_kurtosis});
    f.add(id + "hill5", fmt::format("{}: Hill index, top 5 %", name), {n->sample.hill5});
    const bool shown = std::string_view(group) == "default" || std::string_view(group) == "heavy";
    if (shown) {
      histogram_figure(f, fmt::format("noise_{}.svg", group),
                       fmt::format("Gradient noise at initialisation, {}", name), *n);
    }
  }
  if (!noises.empty()) {
    qq_figure(f, "noise_qq.svg", "Tails of the gradient noise at initialisation", noises);
  }
  f.page.table(table);
  f.compare("Noise at initialisation beside earlier values", {"noise/"});
}

void write_path(const Runs& runs, Findings& f) {
  report::TableCells table =
      noise_table("Noise along the path, seed 1 (the parameters before that step)");
  int asked = 0, heavier = 0;
  for (const char* law : {"default", "heavy", "sphere"}) {
    for (const char* optimizer : {"sgd", "adam"}) {
      for (const MeasuredRun* run : runs.of(fmt::format("{}/{}", law, optimizer))) {
        for (const NoisePoint& p : run->noise) {
          if (p.step == 0) continue;
          const Quantity* const first = f.find(fmt::format("noise/{}/kurtosis", law));
          if (first) {
            ++asked;
            heavier += p.noise.sample.excess_kurtosis > first->values[0];
          }
          table.rows.push_back(
              noise_row(fmt::format("{}, {}, step {}", law, optimizer, p.step), p.noise));
        }
      }
    }
  }
  if (table.rows.empty()) return;
  f.page.table(table);
  if (asked == 0) return;
  f.page.text(fmt::format(
      "Of {} measurements along the path, the excess kurtosis is above that of the same "
      "law at initialisation in {}{}. A model that fits most prompts leaves its "
      "gradient to the few that it does not.",
      asked, heavier, heavier == asked ? ": for both optimisers and all laws" : ""));
}

}  // namespace

void write_noise(const Runs& runs, Findings& f) {
  f.page.section("noise", "P2. Heavy-tailed gradient noise");
  f.page.text(
      "At fixed parameters, X = ||g_B - g|| is how far the gradient of a batch is from the true "
      "one. The tail is measured by the excess kurtosis (0 for a normal law) and by Hill's index "
      "of "
      "the largest values (the smaller, the heavier).");
  f.page.caveat(
      "A norm of several coordinates is skewed even where the noise is Gaussian, so a normal curve "
      "over the histogram always looks wrong. Every statistic here stands beside that of Gaussian "
      "noise of the same covariance; only the excess is a finding.");
  write_laws(runs, f);
  write_path(runs, f);
  const std::string claim = "gradient noise is heavy-tailed, and more so with heavier covariates";
  const Quantity* const sphere = f.find("noise/sphere/kurtosis");
  const Quantity* const gaussian = f.find("noise/default/kurtosis");
  const Quantity* const heavy = f.find("noise/heavy/kurtosis");
  if (!sphere || !gaussian || !heavy || runs.all()[0].setting.training.batch < 1000) {
    return f.verdict(claim, Answer::not_measured, "Too few prompts.");
  }
  const double a = sphere->values[0], b = gaussian->values[0], c = heavy->values[0];
  const bool mild = b < 3;
  const bool ordered = a < b && b < c;
  f.verdict(claim, ordered ? (mild ? Answer::partly : Answer::confirmed) : Answer::not_confirmed,
            fmt::format("Excess kurtosis {} on the sphere, {} in setting 1, {} in setting 3: "
                        "{}ordered as claimed{}.",
                        short_number(a), short_number(b), short_number(c), ordered ? "" : "not ",
                        mild ? ", but in setting 1 itself the tail is mild" : ""));
}

}  // namespace weft::icl
