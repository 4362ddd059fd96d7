// weft eval: loss on text, by length of the context.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.h"
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
    return "Loss, bits per byte and perplexity on text, by length of the context";
  }

  void declare(Flags& flags) override {
    flags.text("MODEL", model_, "run, checkpoint or model folder").required();
    flags.several("--data", data_, "text files and folders").required();
    flags.integers("--lengths", lengths_, {1, int64_t{1} << 30},
                   "tokens of a window (the model's context)");
    flags.integer("--max-tokens", max_tokens_, {0, int64_t{1} << 40},
                  "score at most so many tokens a length; 0: all (all for one length, 65536 for "
                  "several)");
    flags.word("--precision", precision_, "f32, bf16 or f64 (that of the weights)");
    flags.repeated("--set", settings_,
                   "key=value of [model], another reading of the weights: model.loop.repeats=4");
  }

  int run(const Invocation& invocation) override {
    const LoadedModel loaded = load(model_, precision_, settings_);
    if (lengths_.empty()) lengths_ = {loaded.model.config.context};
    const std::vector<io::Path> paths(data_.begin(), data_.end());
    const Corpus corpus = Corpus::open(paths, *loaded.tokenizer);
    check_length(corpus.size());
    EvaluateOptions options{.max_tokens = max_tokens_, .runtime = invocation.runtime};
    if (max_tokens_ < 0) options.max_tokens = lengths_.size() > 1 ? kScoredOfSeveralLengths : 0;
    if (invocation.console.stderr_is_terminal()) options.on_progress = progress(invocation.console);
    const std::string warning = extrapolation_warning(
        loaded.model.config, *std::max_element(lengths_.begin(), lengths_.end()));
    options.on_start = [&] {
      if (!warning.empty()) invocation.console.note("warning: " + warning);
    };
    const std::vector<LengthLoss> results =
        evaluate(loaded.model, corpus, {0, corpus.size()}, lengths_, options);
    if (options.on_progress) invocation.console.raw("\r\x1b[K");
    invocation.console.result(invocation.json ? to_json(results) : to_table(results));
    return 0;
  }

 private:
  /// A window needs one token more than its length, the label of the last.
  void check_length(int64_t tokens) const {
    const int64_t longest = *std::max_element(lengths_.begin(), lengths_.end());
    if (tokens > longest) return;
    fail(ErrorCode::input,
         {"eval: --data", fmt::format("more than {} tokens, a window", longest),
          std::to_string(tokens),
          tokens < 2 ? "use more text"
                     : fmt::format("use more text, or --lengths of at most {}", tokens - 1)});
  }

  static std::function<void(double)> progress(const Console& console) {
    const auto start = std::chrono::steady_clock::now();
    auto shown = start;
    return [&console, start, shown](double share) mutable {
      const auto now = std::chrono::steady_clock::now();
      if (now - shown < std::chrono::milliseconds(100)) return;
      shown = now;
      const double left = std::chrono::duration<double>(now - start).count() * (1 / share - 1);
      console.raw(fmt::format("\r\x1b[Keval {:.0f}%, {} left", 100 * share, human_seconds(left)));
    };
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
  std::vector<std::string> data_, settings_;
  std::vector<int64_t> lengths_;
  int64_t max_tokens_ = -1;
};

}  // namespace

std::unique_ptr<Verb> make_eval() {
  return std::make_unique<EvalVerb>();
}

}  // namespace weft::cli
