// weft icl measure: the microscope on a run of the optimisation lab.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/icl.h"
#include "cli/share_progress.h"
#include "cli/signals.h"
#include "cli/table.h"
#include "io/atomic.h"
#include "io/json.h"
#include "lab/icl/measure_report.h"
#include "lab/icl/microscope.h"
#include "lab/icl/train_run.h"

namespace weft::cli {
namespace {

using icl::short_number;

/// Trained again from its setting, a run must end where it ended before.
bool same_end(const std::vector<icl::NamedMatrix>& stored, const icl::MeasuredRun& run) {
  if (stored.size() != run.matrices.size()) return false;
  return std::all_of(run.matrices.begin(), run.matrices.end(), [&](const icl::NamedMatrix& m) {
    return std::any_of(stored.begin(), stored.end(), [&](const icl::NamedMatrix& s) {
      return s.name == m.name && s.values == m.values;
    });
  });
}

std::string conditions(const icl::MeasuredRun& run) {
  Table table({"step", "R_med", "R_live", "R_eig", "lambda max", "negative", "noise", "kurtosis",
               "null", "Hill 5%"});
  std::vector<int64_t> steps;
  for (const icl::ConditionPoint& p : run.condition) steps.push_back(p.step);
  for (const icl::NoisePoint& p : run.noise) steps.push_back(p.step);
  std::sort(steps.begin(), steps.end());
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  for (const int64_t step : steps) {
    std::vector<std::string> row = {std::to_string(step)};
    if (const icl::Condition* const c = run.condition_at(step)) {
      for (const double value : {c->r_med, c->r_live, c->r_eig, c->lambda_max}) {
        row.push_back(short_number(value));
      }
      row.push_back(fmt::format("{}/{}", c->negative, c->live));
    }
    row.resize(6);
    for (const icl::NoisePoint& p : run.noise) {
      if (p.step != step) continue;
      for (const double value : {p.noise.sample.median, p.noise.sample.excess_kurtosis,
                                 p.noise.null.excess_kurtosis, p.noise.sample.hill5}) {
        row.push_back(short_number(value));
      }
    }
    row.resize(table.columns());
    table.row(std::move(row));
  }
  return table.str();
}

std::string smoothness(const icl::Smoothness& s) {
  std::string text = fmt::format(
      "smoothness: Spearman's rho {} over {} steps, {} with negative curvature left out\n",
      short_number(s.spearman), s.points.size(), s.negative);
  for (const icl::SmoothnessWindow& w : s.windows) {
    text += fmt::format("  steps {}-{}: mean {}, median {}\n", w.from, w.to - 1,
                        short_number(w.mean), short_number(w.median));
  }
  return text;
}

}  // namespace

int icl_measure(const IclArguments& arguments, const Invocation& invocation) {
  const Console& console = invocation.console;
  if (arguments.run.empty()) {
    fail(ErrorCode::usage,
         {"weft icl measure", "the folder of a run", "none", "weft icl train --out RUN makes one"});
  }
  const io::Path folder = arguments.run;
  const icl::StoredRun stored = icl::read_run(folder);
  StopSignals stop(console, {.finishing = [] { return "stopping after this step"; },
                             .again = "to stop at once",
                             .ended = [] { return "stopped; nothing was written"; }});
  ShareProgress progress(console);
  icl::MeasureObserver observer;
  observer.on_progress = [&](double share) { progress.update("measuring", share); };
  const icl::MeasuredRun run =
      icl::measure(stored.setting, icl::plan_for(stored.setting), invocation.runtime, observer,
                   [&] { return stop.asked().load(); });
  progress.finish();
  if (run.stopped) {
    console.note("stopped; nothing was written");
    return stop.exit_code();
  }
  const icl::Findings findings = icl::describe(run);
  nlohmann::json document = icl::to_json(run);
  document["setting"] = stored.setting.name;
  document["repeats_the_run"] = stored.matrices.empty()
                                    ? nlohmann::json(nullptr)
                                    : nlohmann::json(same_end(stored.matrices, run));
  for (const icl::NamedFigure& f : findings.figures()) io::write_atomic(folder / f.file, f.svg);
  io::write_atomic(folder / "measure.html", findings.page.html());
  io::write_atomic(folder / "measure.json", io::to_json_line(document) + "\n");
  if (document["repeats_the_run"] == false) {
    console.note("trained again, the run ended elsewhere: another version of Weft made it");
  }
  std::string text = conditions(run);
  if (run.smoothness) text += smoothness(*run.smoothness);
  console.result(invocation.json ? io::to_json_text(document) : text);
  console.note("report  " + (folder / "measure.html").string());
  return 0;
}

}  // namespace weft::cli
