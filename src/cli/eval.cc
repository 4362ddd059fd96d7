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

namespace weft::cli {
namespace {

/// Several lengths score the same few tokens of each window, so a whole corpus would take long.
constexpr int64_t kScoredOfSeveralLengths = 65536;

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
    flags.several("--data", data_, "text files and folders");
    flags.integers("--lengths", questions_.lengths, {1, int64_t{1} << 30},
                   "tokens of a window or sequence (the model's context)");
    flags.integer("--max-tokens", max_tokens_, {0, int64_t{1} << 40},
                  "score at most so many tokens a length; 0: all (all for one length, 65536 for "
                  "several)");
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
      if (data_.empty() && max_tokens_ < 0) return eval_task(invocation, loaded, questions_);
      fail(ErrorCode::usage,
           {"weft eval",
            "no --data and no --max-tokens for a model of the task " + loaded.task->name,
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
    const std::vector<io::Path> paths(data_.begin(), data_.end());
    const Corpus corpus = Corpus::open(paths, *loaded.tokenizer);
    const int64_t longest = *std::max_element(lengths.begin(), lengths.end());
    check_length(longest, corpus.size());
    EvaluateOptions options{.max_tokens = max_tokens_, .runtime = invocation.runtime};
    if (max_tokens_ < 0) options.max_tokens = lengths.size() > 1 ? kScoredOfSeveralLengths : 0;
    options.on_progress = eval_progress(invocation.console);
    const std::string warning = extrapolation_warning(loaded.model.config, longest);
    options.on_start = [&] {
      if (!warning.empty()) invocation.console.note("warning: " + warning);
    };
    const std::vector<LengthLoss> results =
        evaluate(loaded.model, corpus, {0, corpus.size()}, lengths, options);
    end_eval_progress(invocation.console);
    invocation.console.result(invocation.json ? to_json(results) : to_table(results));
    return 0;
  }

  /// A window needs one token more than its length, the label of the last.
  static void check_length(int64_t longest, int64_t tokens) {
    if (tokens > longest) return;
    fail(ErrorCode::input,
         {"eval: --data", fmt::format("more than {} tokens, a window", longest),
          std::to_string(tokens),
          tokens < 2 ? "use more text"
                     : fmt::format("use more text, or --lengths of at most {}", tokens - 1)});
  }

  static std::string to_json(const std::vector<LengthLoss>& results) {
    nlohmann::json j{{"results", nlohmann::json::array()}};
    for (const LengthLoss& r : results) {
      j["results"].push_back({{"length", r.length},
                              {"tokens", r.targets},
                              {"loss", r.loss},
                              {"bits_per_byte", r.bits_per_byte},
                              {"perplexity", r.perplexity}});
    }
    return io::to_json_text(j);
  }

  static std::string to_table(const std::vector<LengthLoss>& results) {
    Table table({"length", "loss (nats)", "bits per byte", "perplexity", "tokens scored"});
    for (const LengthLoss& r : results) {
      table.row({std::to_string(r.length), fmt::format("{:.4f}", r.loss),
                 fmt::format("{:.4f}", r.bits_per_byte), fmt::format("{:.3f}", r.perplexity),
                 std::to_string(r.targets)});
    }
    return table.str();
  }

  std::string model_, precision_;
  std::vector<std::string> data_, settings_, model_settings_;
  TaskQuestions questions_;
  int64_t max_tokens_ = -1;
};

}  // namespace

std::unique_ptr<Verb> make_eval() {
  return std::make_unique<EvalVerb>();
}

}  // namespace weft::cli
