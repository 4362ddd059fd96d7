#include "cli/eval_task.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/eval_progress.h"
#include "cli/table.h"
#include "infer/evaluate_task.h"
#include "infer/session.h"
#include "io/json.h"
#include "io/toml.h"

namespace weft::cli {
namespace {

TaskSettings with_settings(TaskSettings task, const std::vector<std::string>& settings) {
  for (const std::string& text : settings) {
    const io::Override one = io::parse_override(text);
    const std::string arg = io::to_string(one.path);
    if (const auto integer = one.value.whole()) {
      task = task.with(arg, *integer);
    } else if (const auto* word = one.value.as<std::string>()) {
      task = task.with(arg, *word);
    } else {
      fail(ErrorCode::usage, {"--set " + arg, "an integer or a word", text});
    }
  }
  return task;
}

nlohmann::json pairs_of(const TaskSettings& task) {
  return task.has("pairs") ? nlohmann::json(task.args.integer("pairs")) : nlohmann::json();
}

std::string to_json(const TaskSettings& task, const std::vector<TaskScore>& results) {
  nlohmann::json j{{"task", task.name}, {"results", nlohmann::json::array()}};
  for (const TaskScore& r : results) {
    j["results"].push_back({{"length", r.length},
                            {"pairs", pairs_of(r.task)},
                            {"sequences", r.sequences},
                            {"queries", r.score.labels},
                            {"loss", r.score.loss},
                            {"bits_per_byte", nullptr},  // there are no bytes
                            {"perplexity", r.perplexity},
                            {"accuracy", r.score.accuracy}});
  }
  return io::to_json_text(j);
}

std::string to_table(const TaskSettings& task, const std::vector<TaskScore>& results) {
  const bool pairs = task.has("pairs");
  std::vector<std::string> header = {"length", "accuracy", "loss (nats)", "perplexity", "queries"};
  if (pairs) header.insert(header.begin() + 1, "pairs");
  Table table(header);
  for (const TaskScore& r : results) {
    std::vector<std::string> row = {
        std::to_string(r.length), fmt::format("{:.2f}%", 100 * r.score.accuracy),
        fmt::format("{:.4f}", r.score.loss), fmt::format("{:.3f}", r.perplexity),
        std::to_string(r.score.labels)};
    if (pairs) row.insert(row.begin() + 1, std::to_string(r.task.args.integer("pairs")));
    table.row(row);
  }
  return table.str();
}

}  // namespace

int eval_task(const Invocation& invocation, const LoadedModel& loaded,
              const TaskQuestions& questions) {
  const Console& console = invocation.console;
  const TaskSettings task = with_settings(*loaded.task, questions.settings);
  if (!questions.pairs.empty() && !task.has("pairs")) {
    fail(ErrorCode::usage, {"--pairs", "a task with pairs", task.name, "see docs/tasks.md"});
  }
  std::vector<std::string> left_out;
  const std::vector<TaskSettings> grid =
      task_grid(loaded.model, task, questions.pairs, questions.lengths, left_out);
  const int64_t context = loaded.model.config.context;
  int64_t longest = 0;
  for (const TaskSettings& one : grid) longest = std::max(longest, one.length(context));
  const std::string warning = extrapolation_warning(loaded.model.config, longest);
  TaskOptions options{.sequences = questions.sequences < 0 ? 1000 : questions.sequences,
                      .seed = static_cast<uint64_t>(std::max<int64_t>(0, questions.seed)),
                      .runtime = invocation.runtime,
                      .on_progress = eval_progress(console)};
  options.on_start = [&] {
    for (const std::string& line : left_out) console.note(line);
    if (!warning.empty()) console.note("warning: " + warning);
  };
  const std::vector<TaskScore> results = evaluate_task(loaded.model, grid, options);
  end_eval_progress(console);
  console.result(invocation.json ? to_json(task, results) : to_table(task, results));
  return 0;
}

}  // namespace weft::cli
