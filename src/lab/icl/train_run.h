// A training run of the lab in its folder: setting.toml, metrics.jsonl, result.json.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "io/file.h"
#include "lab/icl/record.h"
#include "runtime/runtime.h"

namespace weft::icl {

struct TrainRunRequest {
  Setting setting;
  std::vector<double> rates = {};  ///< a grid; empty: the setting's own
  int64_t seeds = 1;               ///< the setting's seed and those after it
  io::Path out;
  Runtime runtime = Runtime::best();
  std::function<void(const CurvePoint&)> on_point = {};  ///< of the first run; any thread
  std::function<void(double share)> on_progress = {};    ///< of all work; any thread, in turn
  const std::atomic<bool>* stop = nullptr;
};

/// Throws Error(usage) where the folder holds a run already.
void refuse_used_folder(const io::Path& out);

/// Trains every rate with every seed, one run a thread. metrics.jsonl grows line by line and is
/// sorted at the end (by rate, seed, step); result.json is written last, whole or not at all:
///   loss, loss_standard_error, median, clipped_mean: on about a million fresh prompts in all, mean
///   over
///     seeds (of the best rate)
///   loss_prompts: those prompts of a seed that count, the fewest of any; loss_skipped: those of
///   all seeds that were left out, as their error was not finite; skipped: the same in training
///   floor, floor_kind, floor_proven, ratio = loss / floor: where floor_of() knows one
///   comparison: of the first seed with gradient descent, where comparison_of() has one
///   evaluation: mean, median and clipped mean on the fixed batch
///   matrices: of the first seed, by name, as lists of rows; seeds[]: the same for each
///   grid[]: lr, score (clipped evaluation loss over the last quarter), loss: where rates were
///   given, and lost[]: seeds that ended early, with the step; such a rate has no score and cannot
///   be the best
/// Returns what it wrote; null where it was stopped. Throws Error(usage) where `out` holds a run or
/// is a file, or seeds or rates make no sense; Error(runtime) where it cannot be written, and where
/// a run is lost (of every rate): it names seeds and steps, metrics.jsonl is kept and there is no
/// result.json.
nlohmann::json train_run(const TrainRunRequest& request);

/// What `weft icl measure` reads of a run folder.
struct StoredRun {
  Setting setting;
  std::vector<NamedMatrix> matrices;  ///< of the first seed; empty where there is no result
};
/// Throws Error(input) where the folder holds no run or its files are damaged.
StoredRun read_run(const io::Path& folder);

}  // namespace weft::icl
