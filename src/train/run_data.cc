#include "train/run_data.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
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

std::unique_ptr<Corpus> open_corpus(const std::vector<std::string>& texts, const RunConfig& config,
                                    const io::Path& run, RunData& data) {
  const Corpus::Options options{.run = run, .binary = config.data.binary};
  auto corpus = std::make_unique<Corpus>(Corpus::open(paths(texts), *data.tokenizer, options));
  for (const std::string& note : corpus->notes()) {
    if (std::find(data.notes.begin(), data.notes.end(), note) == data.notes.end()) {
      data.notes.push_back(note);
    }
  }
  return corpus;
}

void open_text(const RunConfig& config, const io::Path& run, RunData& data) {
  check_text(config, *data.tokenizer);
  const TrainConfig& t = config.train;
  const int64_t time = config.model.context;
  data.train_text = open_corpus(config.data.train, config, run, data);
  const Splits splits = split_tail(*data.train_text, config.data.holdout);
  data.train_tokens = splits.train.size();
  data.train = std::make_unique<TrainWindows>(
      *data.train_text, splits.train, TrainWindows::Options{t.seed, t.batch, t.accumulate, time});
  const EvalWindows::Options options{.length = time, .max_tokens = t.eval_batches * t.batch * time};
  if (!config.data.validation.empty()) {
    data.validation_text = open_corpus(config.data.validation, config, run, data);
    const Split all{0, data.validation_text->size()};
    data.validation = std::make_unique<EvalWindows>(*data.validation_text, all, options);
    data.validation_tokens = all.size();
  } else if (splits.held_out.size() > 0) {
    data.validation = std::make_unique<EvalWindows>(*data.train_text, splits.held_out, options);
    data.validation_tokens = splits.held_out.size();
  }
}

TaskStream stream(const RunConfig& config, TaskPurpose purpose, const TaskRegistry& tasks) {
  const TaskSettings& task = config.data.task;
  return {task,
          {config.model.vocab, task.length(config.model.context)},
          config.train.seed,
          purpose,
          tasks};
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
}

}  // namespace

DataContents RunData::train_contents() const {
  return train_text ? contents_of(*train_text) : DataContents{};
}

DataContents RunData::validation_contents() const {
  return validation_text ? contents_of(*validation_text) : DataContents{};
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
