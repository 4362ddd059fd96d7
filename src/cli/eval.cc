// weft eval: loss on text by length of the context, or accuracy at a task.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/eval_progress.h"
#include "cli/eval_task.h"
#include "cli/model_arguments.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "infer/evaluate.h"
#include "infer/session.h"
#include "io/json.h"
#include "io/utf8.h"

namespace weft::cli {
namespace {

/// The name of the row over all texts, where there are several.
constexpr const char* kWhole = "whole";

class EvalVerb final : public Verb {
 public:
  std::string_view name() const override { return "eval"; }
  std::string_view summary() const override {
    return "Loss on text, or accuracy at the task of a model, by length of the context";
  }
  std::vector<Example> examples() const override {
    return {{"weft eval runs/first --data other.txt",
             "the loss on a text, and how many bits a byte that is"},
            {"weft eval runs/first --data other.txt --lengths 64,128,256 --json",
             "by length of the context, as one JSON document"}};
  }

  void declare(Flags& flags) override {
    flags.text("MODEL", model_, "run, checkpoint or model folder").required();
    flags.several("--data", data_,
                  "text files and folders; of several each by itself, and the whole");
    flags.flag("--binary", binary_, "take files that are not text too");
    flags.integers("--lengths", questions_.lengths, {1, int64_t{1} << 30},
                   "tokens of a window or sequence (the model's context)");
    flags.integer("--max-tokens", max_tokens_, {0, int64_t{1} << 40},
                  "score at most so many tokens of each --data at each length (0: all)");
    flags.integer(
        "--stride", stride_, {1, int64_t{1} << 30},
        "a window every so many tokens, which scores what none before it did (the length)");
    flags.integer("--score", score_, {1, int64_t{1} << 30},
                  "only the last so many tokens of each window, the same ones at every length");
    flags.integers("--pairs", questions_.pairs, {1, int64_t{1} << 30},
                   "of a task: pairs of a sequence (as trained)");
    flags.integer("--sequences", questions_.sequences, {1, int64_t{1} << 40},
                  "of a task: how many to ask for each result (1000)");
    flags.integer("--seed", questions_.seed, {0}, "of a task: of the sequences (0)");
    flags.word("--precision", precision_, "f32, bf16, f64 or int8 weights (that of the weights)");
    flags.repeated("--set", settings_,
                   "model.loop.repeats=4: a key of [model], another reading of the weights; of a "
                   "task back=2: one of data.task_args");
  }

  int run(const Invocation& invocation) override {
    if (data_.empty() && !is_of_task(model_)) {
      fail(ErrorCode::usage, {"weft eval", "--data", "none", "see weft eval --help"});
    }
    for (const std::string& text : settings_) {
      (text.starts_with("model.") ? model_settings_ : questions_.settings).push_back(text);
    }
    LoadedModel loaded = load(model_, precision_, model_settings_);
    if (loaded.model.parameters.is_quantised()) loaded.model = dequantised(loaded.model);
    if (loaded.task) {
      questions_.model = model_;
      const bool of_text = !data_.empty() || max_tokens_ >= 0 || stride_ > 0 || score_ > 0;
      if (!of_text) return eval_task(invocation, loaded, questions_);
      fail(ErrorCode::usage,
           {"weft eval",
            "no --data, --max-tokens, --stride or --score for a model of the task " +
                loaded.task->name,
            "one of them", "its sequences are generated: --sequences says how many"});
    }
    return eval_text(invocation, loaded);
  }

 private:
  int eval_text(const Invocation& invocation, const LoadedModel& loaded) const {
    const TaskQuestions& q = questions_;
    const std::string asked = !q.pairs.empty()      ? "--pairs"
                              : q.sequences >= 0    ? "--sequences"
                              : q.seed >= 0         ? "--seed"
                              : !q.settings.empty() ? "--set " + q.settings.front()
                                                    : "";
    if (!asked.empty()) {
      fail(ErrorCode::usage, {"weft eval " + asked, "a model trained on a task",
                              "one trained on text", "of text --set takes a key of [model]"});
    }
    std::vector<int64_t> lengths = q.lengths;
    if (lengths.empty()) lengths = {loaded.model.config.context};
    check_windows(lengths);
    const int64_t longest = *std::max_element(lengths.begin(), lengths.end());
    const std::vector<Corpus> texts = open_texts(*loaded.tokenizer, longest);
    EvaluateOptions options{.stride = stride_,
                            .score = score_,
                            .max_tokens = max_tokens_ < 0 ? 0 : max_tokens_,
                            .runtime = invocation.runtime};
    options.on_progress = eval_progress(invocation.console);
    const std::string warning = extrapolation_warning(loaded.model.config, longest);
    options.on_start = [&] {
      if (!warning.empty()) invocation.console.note("warning: " + warning);
      for (const Corpus& text : texts) {
        for (const std::string& note : text.notes()) invocation.console.note("note: " + note);
      }
    };
    const TextLosses losses = evaluate_texts(loaded.model, texts, lengths, options);
    end_eval_progress(invocation.console);
    const std::vector<Row> rows = rows_of(losses);
    invocation.console.result(invocation.json ? to_json(loaded, rows) : to_table(rows));
    return 0;
  }

  void check_windows(const std::vector<int64_t>& lengths) const {
    const int64_t shortest = *std::min_element(lengths.begin(), lengths.end());
    const auto within = [&](const char* flag, int64_t value) {
      if (value <= shortest) return;
      fail(ErrorCode::usage,
           {flag, fmt::format("at most {}, the shortest length", shortest), std::to_string(value)});
    };
    within("--stride", stride_);
    within("--score", score_);
    if (stride_ == 0 || score_ == 0) return;
    fail(ErrorCode::usage, {"weft eval", "--stride or --score", "both",
                            "--score N starts a window every N tokens by itself"});
  }

  /// Each file or folder that was named, a text by itself.
  std::vector<Corpus> open_texts(const Tokenizer& tokenizer, int64_t longest) const {
    const int64_t least = score_ == 0 ? 2 : longest - score_ + 2;
    std::vector<Corpus> texts;
    for (const std::string& name : data_) {
      const io::Path path(name);
      texts.push_back(Corpus::open({&path, 1}, tokenizer, {.binary = binary_}));
      if (texts.back().size() >= least) continue;
      fail(ErrorCode::input,
           {"eval: " + name, fmt::format("a text of at least {} tokens", least),
            std::to_string(texts.back().size()),
            score_ == 0 ? "a token is scored by the one before it"
                        : "--score leaves out what the longest window needs before its first: use "
                          "more text or shorter --lengths"});
    }
    return texts;
  }

  struct Row {
    std::string data;
    bool whole;  ///< over all of --data, where that is several
    LengthLoss loss;
  };

  /// What is over all texts comes first, a row a length.
  std::vector<Row> rows_of(const TextLosses& losses) const {
    std::vector<Row> rows;
    if (data_.size() > 1) {
      for (const LengthLoss& loss : losses.whole) rows.push_back({kWhole, true, loss});
    }
    for (size_t t = 0; t < data_.size(); ++t) {
      for (const LengthLoss& loss : losses.each[t]) rows.push_back({data_[t], false, loss});
    }
    return rows;
  }

  std::string to_json(const LoadedModel& loaded, const std::vector<Row>& rows) const {
    nlohmann::json j{{"model", io::to_utf8(model_)},
                     {"checkpoint", io::to_utf8(loaded.checkpoint.string())},
                     {"mask_documents", loaded.model.config.document_separator >= 0},
                     {"results", nlohmann::json::array()}};
    for (const std::string& name : data_) j["data"].push_back(io::to_utf8(name));
    for (const Row& r : rows) {
      j["results"].push_back({{"data", io::to_utf8(r.data)},
                              {"whole", r.whole},
                              {"length", r.loss.length},
                              {"tokens", r.loss.targets},
                              {"loss", r.loss.loss},
                              {"bits_per_byte", r.loss.bits_per_byte},
                              {"perplexity", r.loss.perplexity}});
    }
    return io::to_json_text(j);
  }

  std::string to_table(const std::vector<Row>& rows) const {
    const bool several = data_.size() > 1;
    std::vector<std::string> header = {"length", "loss (nats)", "bits per byte", "perplexity",
                                       "tokens scored"};
    if (several) header.insert(header.begin(), "data");
    Table table(header);
    for (const Row& r : rows) {
      std::vector<std::string> cells = {
          std::to_string(r.loss.length), fmt::format("{:.4f}", r.loss.loss),
          fmt::format("{:.4f}", r.loss.bits_per_byte), fmt::format("{:.3f}", r.loss.perplexity),
          std::to_string(r.loss.targets)};
      if (several) cells.insert(cells.begin(), io::without_controls(io::to_utf8(r.data)));
      table.row(cells);
    }
    return table.str();
  }

  std::string model_, precision_;
  std::vector<std::string> data_, settings_, model_settings_;
  TaskQuestions questions_;
  int64_t max_tokens_ = -1, stride_ = 0, score_ = 0;
  bool binary_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_eval() {
  return std::make_unique<EvalVerb>();
}

}  // namespace weft::cli
