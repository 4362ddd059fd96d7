#include "lab/icl/train_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
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

void check_grid(std::span<const double> rates, const TrainRunRequest& request) {
  for (size_t i = 0; i < rates.size(); ++i) {
    if (std::find(rates.begin(), rates.begin() + static_cast<ptrdiff_t>(i), rates[i]) ==
        rates.begin() + static_cast<ptrdiff_t>(i)) {
      continue;
    }
    fail(ErrorCode::usage,
         {"--rates", "rates that differ", fmt::format("{:g} twice", rates[i]), ""});
  }
  const int64_t first = request.setting.training.seed;
  if (request.seeds - 1 > std::numeric_limits<int64_t>::max() - first) {
    fail(ErrorCode::usage,
         {"--seeds", fmt::format("seeds up to {}", std::numeric_limits<int64_t>::max()),
          fmt::format("{} from {} on", request.seeds, first), "begin with a smaller seed"});
  }
}

std::vector<Job> jobs_of(const TrainRunRequest& request) {
  std::vector<double> rates = request.rates;
  if (rates.empty()) rates = {request.setting.training.lr};
  check_grid(rates, request);
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

  bool lost() const {
    return std::any_of(runs.begin(), runs.end(), [](auto* run) { return run->lost_at >= 0; });
  }
  double score() const { return stats::mean(scores); }
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
    json lost = json::array();
    for (const MeasuredRun* run : r.runs) {
      last.push_back(run->curve.back().loss);
      if (run->lost_at < 0) continue;
      lost.push_back({{"seed", run->setting.training.seed}, {"step", run->lost_at}});
    }
    out.push_back({{"lr", r.lr},
                   {"score", to_json_over_seeds(r.scores)},
                   {"evaluation_loss", to_json_over_seeds(last)},
                   {"lost", std::move(lost)}});
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

[[noreturn]] void fail_lost(const TrainRunRequest& request, std::string where) {
  const Training& t = request.setting.training;
  fail(ErrorCode::runtime,
       {"weft icl train", "a finite loss to the end",
        fmt::format("training of {} with {} lost: {}", request.setting.name, name_of(t.optimizer),
                    where),
        fmt::format("take a smaller lr or init, or {}clip; metrics are kept in {}",
                    t.clip > 0 ? "a smaller " : "", request.out.string())});
}

/// "lr 1000, seed 0 at step 2"; with several seeds: "..., 2 of 3 seeds: seed 0 at step 2, ...".
std::string lost_text(const RateScore& rate) {
  constexpr int kNamed = 4;
  std::string text;
  int lost = 0;
  for (const MeasuredRun* run : rate.runs) {
    if (run->lost_at < 0) continue;
    if (lost++ < kNamed) {
      text += fmt::format("{}seed {} at step {}", lost > 1 ? ", " : "", run->setting.training.seed,
                          run->lost_at);
    }
  }
  if (lost > kNamed) text += ", ...";
  if (rate.runs.size() == 1) return fmt::format("lr {:g}, {}", rate.lr, text);
  return fmt::format("lr {:g}, {} of {} seeds: {}", rate.lr, lost, rate.runs.size(), text);
}

/// The least score of those that are none lost, and have one.
const RateScore& best_of(std::span<const RateScore> rates, const TrainRunRequest& request) {
  const RateScore* best = nullptr;
  for (const RateScore& rate : rates) {
    // Without a grid there is nothing to choose, and a prompt that was left out is no reason.
    if (rate.lost() || (rates.size() > 1 && !std::isfinite(rate.score()))) continue;
    if (best == nullptr || rate.score() < best->score()) best = &rate;
  }
  if (best != nullptr) return *best;
  std::string where = rates.size() > 1 ? fmt::format("all {} rates; ", rates.size()) : "";
  const auto lost =
      std::find_if(rates.begin(), rates.end(), [](const RateScore& r) { return r.lost(); });
  where += lost != rates.end() ? lost_text(*lost) : "prompts overflowed at every one";
  fail_lost(request, where);
}

/// Of the runs of the best rate, with their share of the progress. Empty where it was stopped.
std::vector<SampledLoss> final_losses(std::span<const MeasuredRun* const> runs,
                                      const TrainRunRequest& request, double trained_share) {
  std::vector<SampledLoss> out;
  const double count = static_cast<double>(runs.size());
  for (const MeasuredRun* run : runs) {
    SampledLossObserver observer;
    observer.stop = request.stop;
    const double before = static_cast<double>(out.size());
    observer.on_progress = [&](double share) {
      if (!request.on_progress) return;
      request.on_progress(trained_share + (1 - trained_share) * (before + share) / count);
    };
    out.push_back(
        sampled_loss(run->setting, run->theta, request.runtime, std::ssize(runs), observer));
    if (out.back().stopped) return {};
    if (std::isfinite(out.back().mean)) continue;
    fail_lost(request,
              fmt::format("lr {:g}, seed {}: behind the last step, {}, {} of {} fresh "
                          "prompts have no finite loss",
                          run->setting.training.lr, run->setting.training.seed,
                          run->setting.training.steps, out.back().skipped, out.back().prompts));
  }
  return out;
}

double mean_over(std::span<const SampledLoss> losses, double SampledLoss::*what) {
  std::vector<double> values;
  for (const SampledLoss& loss : losses) values.push_back(loss.*what);
  return stats::mean(values);
}

double mean_over(std::span<const MeasuredRun* const> runs, double CurvePoint::*what) {
  std::vector<double> values;
  for (const MeasuredRun* run : runs) values.push_back(run->curve.back().*what);
  return stats::mean(values);
}

json seed_of(const MeasuredRun& run, const SampledLoss& sampled) {
  return {{"seed", run.setting.training.seed},
          {"loss", sampled.mean},
          {"loss_standard_error", sampled.standard_error},
          {"loss_skipped", sampled.skipped},
          {"median", sampled.median},
          {"clipped_mean", sampled.clipped_mean},
          {"evaluation_loss", run.curve.back().loss},
          {"skipped", run.skipped},
          {"seconds", run.seconds},
          {"matrices", to_json(run.matrices)}};
}

/// The runs of the best rate, and what they have in common.
json result_of(std::span<const MeasuredRun* const> runs, std::span<const SampledLoss> losses) {
  const Setting& setting = runs[0]->setting;
  const ParameterLayout layout = layout_of(setting.model, setting.law.d);
  json seeds = json::array();
  std::vector<double> means;
  int64_t skipped = 0, loss_skipped = 0, prompts = losses[0].prompts;
  for (size_t i = 0; i < runs.size(); ++i) {
    means.push_back(losses[i].mean);
    skipped += runs[i]->skipped;
    loss_skipped += losses[i].skipped;
    prompts = std::min(prompts, losses[i].prompts - losses[i].skipped);
    seeds.push_back(seed_of(*runs[i], losses[i]));
  }
  json result = {{"setting", setting.name},
                 {"optimizer", name_of(setting.training.optimizer)},
                 {"lr", setting.training.lr},
                 {"steps", setting.training.steps},
                 {"parameters", {{"total", layout.size}, {"live", std::ssize(layout.live())}}},
                 {"loss", stats::mean(means)},
                 {"loss_prompts", prompts},
                 {"loss_skipped", loss_skipped},
                 // Of the mean over seeds, from the prompts alone; seeds[] shows how they differ.
                 {"loss_standard_error", mean_over(losses, &SampledLoss::standard_error) /
                                             std::sqrt(static_cast<double>(runs.size()))},
                 {"median", mean_over(losses, &SampledLoss::median)},
                 {"clipped_mean", mean_over(losses, &SampledLoss::clipped_mean)},
                 {"evaluation",
                  {{"prompts", setting.training.eval_batch},
                   {"loss", mean_over(runs, &CurvePoint::loss)},
                   {"median", mean_over(runs, &CurvePoint::median)},
                   {"clipped_mean", mean_over(runs, &CurvePoint::clipped_mean)}}},
                 {"skipped", skipped},
                 {"matrices", to_json(runs[0]->matrices)},
                 {"seeds", std::move(seeds)}};
  if (runs.size() > 1) result["loss_over_seeds"] = to_json_over_seeds(means);
  add_floor(result, setting);
  const json comparison = comparison_of(setting, runs[0]->theta);
  if (!comparison.is_null()) result["comparison"] = comparison;
  return result;
}

/// Of the work of all, what is training; the rest is the loss on fresh prompts.
double trained_share_of(std::span<const Job> jobs, const TrainRunRequest& request) {
  double training = 0;
  for (const Job& job : jobs) training += cost_of(job.setting, job.plan).total;
  const double losses =
      static_cast<double>(request.seeds) * sampled_loss_cost(request.setting, request.seeds);
  return training / (training + losses);
}

}  // namespace

void refuse_used_folder(const io::Path& out) {
  std::error_code ignored;
  if (fs::exists(out, ignored) && !fs::is_directory(out, ignored)) {
    fail(ErrorCode::usage,
         {out.string(), "a folder", "a file of that name", "choose another --out"});
  }
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
  const double trained_share = trained_share_of(jobs, request);
  JobObserver observer;
  observer.on_progress = [&](double share) {
    if (request.on_progress) request.on_progress(trained_share * share);
  };
  observer.on_point = [&](size_t job, const CurvePoint& point) {
    metrics.append(jobs[job].setting.training, point);
    if (job == 0 && request.on_point) request.on_point(point);
  };
  const std::vector<MeasuredRun> runs = run_jobs(jobs, request.runtime, observer, request.stop);
  if (std::any_of(runs.begin(), runs.end(), [](const MeasuredRun& r) { return r.stopped; })) {
    return nullptr;
  }
  metrics.sort(runs);
  const std::vector<RateScore> rates = scores_of(runs);
  const RateScore& best = best_of(rates, request);
  const std::vector<SampledLoss> losses = final_losses(best.runs, request, trained_share);
  if (losses.empty()) return nullptr;
  json result = result_of(best.runs, losses);
  if (!request.rates.empty()) result["grid"] = grid_of(rates);
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
