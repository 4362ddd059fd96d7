#include "lab/icl/reproduce.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "io/atomic.h"
#include "io/json.h"
#include "lab/icl/metrics_lines.h"
#include "lab/icl/microscope.h"
#include "lab/icl/reproduce_findings.h"

namespace weft::icl {
namespace {

std::string_view name_of(Scale scale) {
  return scale == Scale::smoke ? "smoke" : scale == Scale::laptop ? "laptop" : "paper";
}

// What a reproduction took, as the command says it too.
struct Work {
  size_t searched, measured;  // runs
  double seconds;
};

void write_start(const SuiteSizes& sizes, Scale scale, const Work& work, Findings& f) {
  f.page.text(fmt::format(
      "{} runs in {:.0f} seconds: {} that search learning rates, and {} that are measured here, "
      "with "
      "{} seeds each: the main settings for {} steps of {} fresh prompts, deeper models for {}, "
      "softmax for {}, non-linear labels for {}. Everything here is computed by this command from "
      "seeds; the same command gives the same numbers again.",
      work.searched + work.measured, work.seconds, work.searched, work.measured, sizes.seeds,
      sizes.steps, sizes.batch, sizes.depth_steps, sizes.softmax_steps, sizes.nonlinear_steps));
  f.page.text(
      "Numbers of others carry a label: [P] published in the paper's text or tables or stored with "
      "its code, [F] read off a published figure (two digits at best), [O] an independent re-run "
      "of "
      "the same experiment. Ours are means over seeds with the standard deviation in parentheses "
      "and "
      "the 95 % interval of the mean.");
  if (scale == Scale::smoke) {
    f.page.caveat("Smoke scale: a few steps on a few prompts. Nothing here means anything.");
  }
}

void write_verdicts(Findings& f) {
  report::TableCells table{"What became of the claims", {"claim", "verdict"}, {}};
  for (const Verdict& v : f.verdicts()) {
    table.rows.push_back({v.claim, std::string(word_of(v.answer))});
  }
  f.page.summary(table);
}

Findings find(const Runs& runs, const SuiteSizes& sizes, Scale scale, const Work& work) {
  Findings f("Linear attention as a microscope on training, re-measured",
             fmt::format("arXiv 2310.01082, by `weft reproduce linear-attention --scale {}`",
                         name_of(scale)));
  write_start(sizes, scale, work, f);
  write_gap(runs, f);
  write_noise(runs, f);
  write_condition(runs, f);
  write_smoothness(runs, f);
  write_tails(runs, f);
  write_depth(runs, f);
  write_softmax(runs, f);
  write_nonlinear(runs, f);
  write_matrices(runs, f);
  write_verdicts(f);
  return f;
}

void write_files(const io::Path& out, const Findings& f, const Runs& runs, Scale scale,
                 const std::map<std::string, double>& rates, double seconds) {
  for (const NamedFigure& figure : f.figures()) io::write_atomic(out / figure.file, figure.svg);
  io::write_atomic(out / "report.html", f.page.html());
  nlohmann::json results = to_json(f);
  results["name"] = "linear-attention";
  results["scale"] = name_of(scale);
  results["seconds"] = seconds;
  results["machine"] = machine_name();
  results["tuned_rates"] = rates;
  for (const MeasuredRun& run : runs.all()) {
    nlohmann::json entry = to_json(run);
    entry["lr"] = run.setting.training.lr;
    results["runs"].push_back(std::move(entry));
  }
  // Last: whoever finds it finds the rest.
  io::write_atomic(out / "results.json", io::to_json_line(results) + "\n");
}

}  // namespace

ReproduceOutcome reproduce(const ReproduceRequest& request) {
  std::error_code ignored;
  if (std::filesystem::exists(request.out / "results.json", ignored)) {
    fail(ErrorCode::config, {request.out.string(), "a folder without results", "results.json in it",
                             "give another --out, or remove it"});
  }
  make_run_folder(request.out);
  io::remove_stale(request.out);
  const auto begun = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  };
  const auto run = [&](const std::vector<Job>& jobs, std::string_view what, double from,
                       double to) {
    return run_jobs(jobs, request.runtime,
                    {.on_point = {},
                     .on_progress =
                         [&](double share) {
                           if (request.on_progress)
                             request.on_progress(what, from + (to - from) * share);
                         }},
                    request.stop);
  };
  ReproduceOutcome outcome;
  const auto stopped = [&] { return request.stop != nullptr && request.stop->load(); };

  const std::vector<Job> tuning = tuning_jobs(request.scale);
  double search = 0, rest = 0;
  for (const Job& job : tuning) search += cost_of(job.setting, job.plan).total;
  for (const Job& job : suite_jobs(request.scale, {})) {
    rest += cost_of(job.setting, job.plan).total;
  }
  const double turn = search / (search + rest);
  const std::map<std::string, double> rates = best_rates(run(tuning, "searching rates", 0, turn));
  if (stopped()) return {.stopped = true, .seconds = elapsed()};
  const Runs runs(run(suite_jobs(request.scale, rates), "training and measuring", turn, 1));
  if (stopped()) return {.stopped = true, .seconds = elapsed()};

  const Work work{tuning.size(), runs.all().size(), elapsed()};
  outcome.runs = static_cast<int64_t>(work.searched + work.measured);
  outcome.seconds = work.seconds;
  const Findings findings = find(runs, sizes_of(request.scale), request.scale, work);
  write_files(request.out, findings, runs, request.scale, rates, outcome.seconds);
  for (const Verdict& v : findings.verdicts()) {
    outcome.verdicts.emplace_back(v.claim, fmt::format("{}: {}", word_of(v.answer), v.reason));
  }
  return outcome;
}

}  // namespace weft::icl
