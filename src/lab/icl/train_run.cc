#include "lab/icl/train_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "io/atomic.h"
#include "io/json.h"
#include "lab/icl/comparison.h"
#include "lab/icl/floor.h"
#include "lab/icl/layout.h"
#include "lab/icl/metrics_lines.h"
#include "lab/icl/microscope.h"

namespace weft::icl {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::vector<Job> jobs_of(const TrainRunRequest& request) {
  std::vector<double> rates = request.rates;
  if (rates.empty()) rates = {request.setting.training.lr};
  std::vector<Job> jobs;
  for (const double rate : rates) {
    for (int64_t seed = 0; seed < request.seeds; ++seed) {
      Job job{fmt::format("lr {:g}", rate), request.setting, {}};
      job.setting.training.lr = rate;
      job.setting.training.seed += seed;
      check_setting(job.setting);
      jobs.push_back(std::move(job));
    }
  }
  return jobs;
}

/// The mean score over seeds of each rate, in the order of the runs.
struct RateScore {
  double lr = 0;
  std::vector<const MeasuredRun*> runs;
  std::vector<double> scores;
};
std::vector<RateScore> scores_of(std::span<const MeasuredRun> runs) {
  std::vector<RateScore> out;
  for (const MeasuredRun& run : runs) {
    const double lr = run.setting.training.lr;
    auto at = std::find_if(out.begin(), out.end(), [&](const RateScore& r) { return r.lr == lr; });
    if (at == out.end()) at = out.insert(out.end(), {lr, {}, {}});
    at->runs.push_back(&run);
    at->scores.push_back(tuning_score(run));
  }
  return out;
}

json grid_of(std::span<const RateScore> rates) {
  json out = json::array();
  for (const RateScore& r : rates) {
    std::vector<double> last;
    for (const MeasuredRun* run : r.runs) last.push_back(run->curve.back().loss);
    out.push_back({{"lr", r.lr},
                   {"score", to_json_over_seeds(r.scores)},
                   {"evaluation_loss", to_json_over_seeds(last)}});
  }
  return out;
}

void add_floor(json& result, const Setting& setting) {
  const std::optional<Floor> floor = floor_of(setting);
  if (!floor) return;
  result["floor"] = floor->loss;
  result["floor_kind"] = floor->kind;
  result["floor_proven"] = floor->proven;
  if (floor->error > 0) result["floor_standard_error"] = floor->error;
  result["ratio"] = result["loss"].get<double>() / floor->loss;
}

/// The runs of the best rate, and what they have in common.
json result_of(std::span<const MeasuredRun* const> runs, const Runtime& runtime) {
  const Setting& setting = runs[0]->setting;
  const ParameterLayout layout = layout_of(setting.model, setting.law.d);
  json seeds = json::array();
  std::vector<double> loss, error, median, clipped, batch, batch_median, batch_clipped;
  int64_t skipped = 0, prompts = 0;
  for (const MeasuredRun* run : runs) {
    const SampledLoss sampled = sampled_loss(setting, run->theta, runtime, std::ssize(runs));
    loss.push_back(sampled.mean);
    error.push_back(sampled.standard_error);
    median.push_back(sampled.median);
    clipped.push_back(sampled.clipped_mean);
    batch.push_back(run->curve.back().loss);
    batch_median.push_back(run->curve.back().median);
    batch_clipped.push_back(run->curve.back().clipped_mean);
    skipped += run->skipped;
    prompts = sampled.prompts;
    seeds.push_back({{"seed", run->setting.training.seed},
                     {"loss", sampled.mean},
                     {"loss_standard_error", sampled.standard_error},
                     {"median", sampled.median},
                     {"clipped_mean", sampled.clipped_mean},
                     {"evaluation_loss", run->curve.back().loss},
                     {"skipped", run->skipped},
                     {"seconds", run->seconds},
                     {"matrices", to_json(run->matrices)}});
  }
  json result = {
      {"setting", setting.name},
      {"optimizer", name_of(setting.training.optimizer)},
      {"lr", setting.training.lr},
      {"steps", setting.training.steps},
      {"parameters", {{"total", layout.size}, {"live", std::ssize(layout.live())}}},
      {"loss", stats::mean(loss)},
      {"loss_prompts", prompts},
      // Of the mean over seeds, from the prompts alone; seeds[] shows how they differ.
      {"loss_standard_error", stats::mean(error) / std::sqrt(static_cast<double>(error.size()))},
      {"median", stats::mean(median)},
      {"clipped_mean", stats::mean(clipped)},
      {"evaluation",
       {{"prompts", setting.training.eval_batch},
        {"loss", stats::mean(batch)},
        {"median", stats::mean(batch_median)},
        {"clipped_mean", stats::mean(batch_clipped)}}},
      {"skipped", skipped},
      {"matrices", to_json(runs[0]->matrices)},
      {"seeds", std::move(seeds)}};
  if (runs.size() > 1) result["loss_over_seeds"] = to_json_over_seeds(loss);
  add_floor(result, setting);
  const json comparison = comparison_of(setting, runs[0]->theta);
  if (!comparison.is_null()) result["comparison"] = comparison;
  return result;
}

const RateScore& best_of(std::span<const RateScore> rates) {
  const auto mean_of = [](const RateScore& r) { return stats::mean(r.scores); };
  const auto best = std::min_element(
      rates.begin(), rates.end(),
      [&](const RateScore& a, const RateScore& b) { return mean_of(a) < mean_of(b); });
  for (const MeasuredRun* run : best->runs) {
    if (!std::all_of(run->theta.begin(), run->theta.end(),
                     [](double t) { return std::isfinite(t); })) {
      fail(ErrorCode::runtime, {"weft icl train", "finite parameters",
                                fmt::format("none left at rate {} before step {}", best->lr,
                                            run->setting.training.steps),
                                "take a smaller rate, or clip"});
    }
  }
  return *best;
}

}  // namespace

void refuse_used_folder(const io::Path& out) {
  std::error_code ignored;
  for (const char* name : {"setting.toml", "metrics.jsonl", "result.json", "config.toml"}) {
    if (!fs::exists(out / name, ignored)) continue;
    fail(ErrorCode::usage, {out.string(), "a folder without a run", std::string(name) + " in it",
                            "choose another --out, or remove it"});
  }
}

json train_run(const TrainRunRequest& request) {
  refuse_used_folder(request.out);
  const std::vector<Job> jobs = jobs_of(request);
  make_run_folder(request.out);
  io::write_atomic(request.out / "setting.toml", to_toml(request.setting));
  MetricsLines metrics(request.out / "metrics.jsonl");
  JobObserver observer;
  observer.on_progress = request.on_progress;
  observer.on_point = [&](size_t job, const CurvePoint& point) {
    metrics.append(jobs[job].setting.training, point);
    if (job == 0 && request.on_point) request.on_point(point);
  };
  const std::vector<MeasuredRun> runs = run_jobs(jobs, request.runtime, observer, request.stop);
  if (std::any_of(runs.begin(), runs.end(), [](const MeasuredRun& r) { return r.stopped; })) {
    return nullptr;
  }
  const std::vector<RateScore> rates = scores_of(runs);
  json result = result_of(best_of(rates).runs, request.runtime);
  if (!request.rates.empty()) result["grid"] = grid_of(rates);
  metrics.sort(runs);
  io::write_atomic(request.out / "result.json", io::to_json_text(result));
  return result;
}

StoredRun read_run(const io::Path& folder) {
  std::error_code ignored;
  if (!fs::is_regular_file(folder / "setting.toml", ignored)) {
    fail(ErrorCode::input, {folder.string(), "the folder of a run, with its setting.toml",
                            fs::exists(folder, ignored) ? "none in it" : "no such folder",
                            "begin one with weft icl train --out " + folder.string()});
  }
  StoredRun run;
  run.setting = load_setting((folder / "setting.toml").string(), {});
  const io::Path file = folder / "result.json";
  if (!fs::is_regular_file(file, ignored)) return run;
  const json result = io::read_json(file);
  try {
    run.setting.training.lr = result.at("lr").get<double>();
    for (const auto& [name, rows] : result.at("matrices").items()) {
      NamedMatrix m{name, std::ssize(rows), 0, {}};
      for (const json& row : rows) {
        m.columns = std::ssize(row);
        for (const json& x : row) m.values.push_back(x.get<double>());
      }
      run.matrices.push_back(std::move(m));
    }
  } catch (const json::exception&) {
    fail(ErrorCode::input,
         {file.string(), "the result of weft icl train", "something else", "train it again"});
  }
  return run;
}

}  // namespace weft::icl
