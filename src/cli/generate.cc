// weft generate: continue a prompt.
#include "infer/generate.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/model_arguments.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "io/json.h"
#include "io/utf8.h"

namespace weft::cli {
namespace {

class GenerateVerb final : public Verb {
 public:
  std::string_view name() const override { return "generate"; }
  std::string_view summary() const override { return "Continue a prompt"; }

  void declare(Flags& flags) override {
    flags.text("MODEL", model_, "run, checkpoint or model folder").required();
    flags.text("--prompt", prompt_, "the text to continue").required();
    flags.integer("--tokens", tokens_, {0, int64_t{1} << 30}, "how many to add (128)");
    flags.number("--temperature", sampler_.temperature, "0: always the likeliest (1)");
    flags.integer("--top-k", sampler_.top_k, {0}, "only the K likeliest; 0: all");
    flags.number("--top-p", sampler_.top_p, "only the likeliest that sum to P (1)");
    flags.number("--min-p", sampler_.min_p, "only those at least P times the likeliest (0)");
    flags.number("--repetition-penalty", sampler_.repetition_penalty,
                 "divides the logits of tokens seen before (1)");
    flags.integer("--seed", seed_, {0}, "of the random numbers (0)");
    flags.word("--precision", precision_, "f32, bf16, f64 or int8 weights (that of the weights)");
  }

  int run(const Invocation& invocation) override {
    if (const size_t bad = io::first_invalid_utf8(prompt_); bad != std::string_view::npos) {
      fail(ErrorCode::input, {"--prompt", "UTF-8 text", fmt::format("an invalid byte at {}", bad)});
    }
    if (prompt_.empty()) {
      fail(ErrorCode::input, {"--prompt", "at least one character", "an empty prompt",
                              "the model continues text, it needs some to begin with"});
    }
    sampler_.seed = static_cast<uint64_t>(seed_);
    const Sampler checked(sampler_);
    const LoadedModel loaded = load(model_, precision_);
    if (loaded.task) {
      fail(ErrorCode::input, {"generate: " + model_, "a model of text",
                              "one of the task " + loaded.task->name + ", which has no tokenizer",
                              "measure it with weft eval"});
    }
    sampler_.known = loaded.tokenizer->vocab();
    const std::vector<int32_t> prompt = loaded.tokenizer->encode(prompt_);
    const auto context = static_cast<int64_t>(prompt.size()) + tokens_;
    check_memory(loaded.model, context);
    Session session(loaded.model, {.context = context, .runtime = invocation.runtime});
    const std::string warning = extrapolation_warning(loaded.model.config, context);
    if (!warning.empty()) invocation.console.note("warning: " + warning);
    return invocation.json ? whole(invocation, loaded, session, prompt)
                           : stream(invocation, loaded, session, prompt);
  }

 private:
  static void check_memory(const Model& model, int64_t context) {
    const auto cache =
        model.layout.cache.bytes(model.config.head_dim, size_of(compute_dtype(model)), context);
    refuse_beyond_memory(static_cast<double>(cache), fmt::format("a cache of {} tokens", context),
                         "ask for fewer --tokens");
  }

  int whole(const Invocation& invocation, const LoadedModel& loaded, Session& session,
            const std::vector<int32_t>& prompt) const {
    const std::vector<int32_t> tokens = generate(session, prompt, tokens_, sampler_);
    const nlohmann::json j{{"text", io::to_utf8(loaded.tokenizer->decode(tokens))},
                           {"tokens", tokens}};
    invocation.console.result(io::to_json_text(j));
    return 0;
  }

  /// Text as it comes; on a terminal after the prompt, and without what could steer the terminal.
  int stream(const Invocation& invocation, const LoadedModel& loaded, Session& session,
             const std::vector<int32_t>& prompt) const {
    const Console& console = invocation.console;
    const bool terminal = console.stdout_is_terminal();
    const auto show = [&](const std::string& text) {
      if (!text.empty()) console.result(terminal ? io::without_controls(text) : text);
    };
    if (terminal) show(prompt_);
    io::Utf8Stream pieces;
    const auto start = std::chrono::steady_clock::now();
    const std::vector<int32_t> tokens =
        generate(session, prompt, tokens_, sampler_, [&](int32_t token) {
          show(pieces.push(loaded.tokenizer->decode({&token, 1})));
          return true;
        });
    show(pieces.finish());
    console.result("\n");
    if (terminal && console.stderr_is_terminal()) {
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      console.note(fmt::format("{} tokens in {}, cache {}", tokens.size(),
                               human_seconds(took.count()),
                               human_bytes(static_cast<double>(session.cache_bytes()))));
    }
    return 0;
  }

  std::string model_, prompt_, precision_;
  int64_t tokens_ = 128, seed_ = 0;
  SamplerOptions sampler_;
};

}  // namespace

std::unique_ptr<Verb> make_generate() {
  return std::make_unique<GenerateVerb>();
}

}  // namespace weft::cli
