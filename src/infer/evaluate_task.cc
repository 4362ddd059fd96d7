#include "infer/evaluate_task.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "data/tasks/task_batches.h"
#include "infer/scored_run.h"

namespace weft {
namespace {

TaskSet sequences_of(const Model& model, const TaskSettings& task, const TaskOptions& options) {
  const int64_t length = task.length(model.config.context);
  return {TaskStream(task, {model.config.vocab, length}, options.seed, TaskPurpose::test,
                     options.tasks),
          options.sequences, length};
}

}  // namespace

std::vector<TaskScore> evaluate_task(const Model& model, const std::vector<TaskSettings>& tasks,
                                     const TaskOptions& options) {
  if (options.sequences < 1 || tasks.empty()) {
    fail(ErrorCode::usage, {"eval: sequences", "1 or more of at least one task",
                            fmt::format("{} of {}", options.sequences, tasks.size())});
  }
  std::vector<TaskSet> sets;
  double total = 0, done = 0;
  for (const TaskSettings& task : tasks) {
    sets.push_back(sequences_of(model, task, options));
    total += static_cast<double>(options.sequences * task.length(model.config.context));
  }
  if (options.on_start) options.on_start();
  std::vector<TaskScore> results;
  for (size_t i = 0; i < tasks.size(); ++i) {
    const int64_t length = tasks[i].length(model.config.context);
    ScoredRun run(model, sets[i], {.length = length, .runtime = options.runtime});
    const ScoreSum sum = run([&](int64_t n) {
      if (!options.on_progress) return;
      options.on_progress((done + static_cast<double>(n * length)) / total);
    });
    if (sum.labels() == 0) {
      no_labels(fmt::format("eval: {} of {} tokens", tasks[i].name, length), options.sequences,
                "ask for more sequences, or longer ones");
    }
    const Score score = sum.mean();
    done += static_cast<double>(options.sequences * length);
    results.push_back({.task = tasks[i],
                       .length = length,
                       .sequences = options.sequences,
                       .score = score,
                       .perplexity = std::exp(score.loss)});
  }
  return results;
}

std::vector<TaskSettings> task_grid(const Model& model, const TaskSettings& task,
                                    const std::vector<int64_t>& pairs,
                                    const std::vector<int64_t>& lengths,
                                    std::vector<std::string>& left_out, const TaskRegistry& tasks) {
  const auto with = [&](const std::vector<TaskSettings>& all, const char* arg,
                        const std::vector<int64_t>& values) {
    if (values.empty()) return all;
    std::vector<TaskSettings> changed;
    for (const TaskSettings& one : all) {
      for (const int64_t value : values) changed.push_back(one.with(arg, value, tasks));
    }
    return changed;
  };
  std::vector<TaskSettings> possible;
  for (const TaskSettings& one : with(with({task}, "length", lengths), "pairs", pairs)) {
    const int64_t length = one.length(model.config.context);
    try {
      make_task(one, {model.config.vocab, length}, tasks);
      possible.push_back(one);
    } catch (const Error& error) {
      left_out.push_back(
          fmt::format("left out: {} tokens{}: {}", length,
                      pairs.empty() ? "" : fmt::format(" with {} pairs", one.args.integer("pairs")),
                      error.what()));
      const size_t asked = std::max<size_t>(1, pairs.size()) * std::max<size_t>(1, lengths.size());
      if (left_out.size() == asked) throw;
    }
  }
  return possible;
}

}  // namespace weft
