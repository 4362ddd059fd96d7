#include "train/run_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "data/score.h"
#include "data/tasks/task_batches.h"

namespace weft {
namespace {

std::vector<io::Path> paths(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

void check_text(const RunConfig& config, const Tokenizer& tokenizer) {
  const DataConfig& d = config.data;
  if (d.train.empty()) {
    fail(ErrorCode::config, {"config: data.train", "a file or folder of text", "nothing",
                             "add --set data.train=FILE"});
  }
  if (d.holdout > 0 && !d.validation.empty()) {
    fail(ErrorCode::config, {"config: data.holdout", "either data.validation or data.holdout",
                             "both", "remove one of them"});
  }
  if (config.model.vocab < tokenizer.vocab()) {
    fail(ErrorCode::config,
         {"config: model.vocab",
          fmt::format("at least {}, the ids of the tokenizer", tokenizer.vocab()),
          std::to_string(config.model.vocab), ""});
  }
}

// At most this many labels of all texts together, in their order; 0: all. The unit of
// train.eval_batches is fixed, so that val_loss does not depend on train.batch.
int64_t most_labels(const RunConfig& config) {
  const double most = static_cast<double>(config.train.eval_batches) *
                      static_cast<double>(TrainConfig::kEvalWindows * config.model.context);
  constexpr auto kAll = static_cast<double>(int64_t{1} << 60);
  return most < kAll ? static_cast<int64_t>(most) : 0;
}

Corpus open_corpus(std::span<const io::Path> paths, const RunConfig& config, const io::Path& run,
                   RunData& data) {
  Corpus corpus = Corpus::open(paths, *data.tokenizer, {.run = run, .binary = config.data.binary});
  for (const std::string& note : corpus.notes()) {
    if (std::find(data.notes.begin(), data.notes.end(), note) == data.notes.end()) {
      data.notes.push_back(note);
    }
  }
  return corpus;
}

// The texts one after another, each scored by itself as `weft eval` does.
void open_validation(const RunConfig& config, const io::Path& run, Split held_out, RunData& data) {
  std::vector<std::pair<const Corpus*, Split>> texts;
  data.validation_texts.reserve(config.data.validation.size());
  for (const std::string& name : config.data.validation) {
    const io::Path path(name);
    data.validation_texts.push_back(open_corpus({&path, 1}, config, run, data));
    const Corpus& text = data.validation_texts.back();
    if (text.size() < 2) {
      fail(ErrorCode::input, {"data.validation: " + name, "a text of at least 2 tokens", "1",
                              "a token is scored by the one before it"});
    }
    texts.push_back({&text, {0, text.size()}});
  }
  if (held_out.size() > 0) texts.push_back({data.train_text.get(), held_out});
  int64_t left = most_labels(config);
  const bool all = left == 0;
  const int64_t time = config.model.context;
  std::vector<EvalWindows> windows;
  for (const auto& [text, split] : texts) {
    data.validation_tokens += split.size();
    if (!all && left == 0) continue;
    windows.push_back(
        EvalWindows(*text, split, {.length = time, .max_labels = left, .width = time}));
    left -= all ? 0 : windows.back().labels();
  }
  if (!windows.empty()) data.validation = std::make_unique<EvalSequence>(std::move(windows));
}

void open_text(const RunConfig& config, const io::Path& run, RunData& data) {
  check_text(config, *data.tokenizer);
  const TrainConfig& t = config.train;
  const int64_t time = config.model.context;
  data.train_text =
      std::make_unique<Corpus>(open_corpus(paths(config.data.train), config, run, data));
  const Splits splits = split_tail(*data.train_text, config.data.holdout);
  data.train_tokens = splits.train.size();
  data.train = std::make_unique<TrainWindows>(
      *data.train_text, splits.train, TrainWindows::Options{t.seed, t.batch, t.accumulate, time});
  open_validation(config, run, splits.held_out, data);
}

TaskStream stream(const RunConfig& config, TaskPurpose purpose, const TaskRegistry& tasks) {
  const TaskSettings& task = config.data.task;
  return {task,
          {config.model.vocab, task.length(config.model.context)},
          config.train.seed,
          purpose,
          tasks};
}

// A loss over nothing would end the run when it first evaluates.
void check_labels(const EvalBatches& rows, int64_t time) {
  std::vector<int32_t> tokens(static_cast<size_t>(time)), labels(tokens);
  for (int64_t row = 0; row < rows.count(); ++row) {
    rows.fill(row, {.tokens = tokens, .labels = labels});
    if (count_labels(labels) > 0) return;
  }
  fail(ErrorCode::config, {"config: data.task_args.validation", "sequences with a label",
                           fmt::format("no label in all {}", rows.count()), "ask for more"});
}

void open_task(const RunConfig& config, RunData& data, const TaskRegistry& tasks) {
  check_task(config, tasks);
  const TrainConfig& t = config.train;
  const int64_t time = config.model.context;
  data.train = std::make_unique<TaskBatches>(stream(config, TaskPurpose::train, tasks), t.batch,
                                             t.accumulate, time);
  const int64_t validation = config.data.task.args.integer("validation");
  if (validation == 0) return;
  data.validation =
      std::make_unique<TaskSet>(stream(config, TaskPurpose::validation, tasks), validation, time);
  check_labels(*data.validation, time);
}

}  // namespace

DataContents RunData::train_contents() const {
  return train_text ? contents_of({train_text.get(), 1}) : DataContents{};
}

DataContents RunData::validation_contents() const {
  return contents_of(validation_texts);
}

RunData open_data(const RunConfig& config, const TaskRegistry& tasks, const io::Path& run) {
  RunData data;
  if (config.data.is_task()) {
    open_task(config, data, tasks);
    return data;
  }
  data.tokenizer = make_tokenizer(config.data.tokenizer);
  if (config.train.steps > 0 || !config.data.train.empty()) open_text(config, run, data);
  return data;
}

void check_task(const RunConfig& config, const TaskRegistry& tasks) {
  const TrainConfig& t = config.train;
  const TaskBatches fits(stream(config, TaskPurpose::train, tasks), t.batch, t.accumulate,
                         config.model.context);
  constexpr auto kMost = static_cast<double>(Draws::kSequences);
  const double rows = static_cast<double>(t.batch) * static_cast<double>(t.accumulate);
  if (static_cast<double>(t.steps) * rows <= kMost) return;
  fail(ErrorCode::config,
       {"config: train.steps", fmt::format("at most {:.0f}, 2^40 sequences", kMost / rows),
        std::to_string(t.steps), ""});
}

}  // namespace weft
