// weft generate: continue a prompt.
#include "infer/generate.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/model_arguments.h"
#include "cli/prompt.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "infer/stop_text.h"
#include "io/json.h"
#include "io/utf8.h"

namespace weft::cli {
namespace {

class GenerateVerb final : public Verb {
 public:
  std::string_view name() const override { return "generate"; }
  std::string_view summary() const override { return "Continue a prompt"; }
  std::vector<Example> examples() const override {
    return {{"weft generate runs/first --prompt \"It was\" --tokens 200 --temperature 0.8",
             "continue a text"},
            {"weft generate runs/first --prompt-file start.txt --samples 3 --stop \".\" --json",
             "three continuations of a file, each up to the first full stop"}};
  }

  void declare(Flags& flags) override {
    flags.text("MODEL", model_, "run, checkpoint or model folder").required();
    flags.text("--prompt", prompt_, "the text to continue; -: from standard input");
    flags.word("--prompt-file", prompt_file_, "a file with the text to continue, to its last byte");
    flags.integer("--tokens", tokens_, {0, int64_t{1} << 30}, "how many to add (128)");
    flags.integer("--samples", samples_, {1, 1 << 20},
                  "so many continuations: sample i is what --seed S+i gives alone, from i = 0 (1)");
    flags.repeated("--stop", stops_, "end before this text; may be repeated");
    flags.flag("--echo", echo_, "the prompt too, before what is new");
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
    sampler_.seed = static_cast<uint64_t>(seed_);
    const Sampler checked(sampler_);
    const StopText stops(stops_);
    const std::string text = read_prompt(prompt_, prompt_file_);
    const LoadedModel loaded = load(model_, precision_);
    if (loaded.task) {
      fail(ErrorCode::input, {"generate: " + model_, "a model of text",
                              "one of the task " + loaded.task->name + ", which has no tokenizer",
                              "measure it with weft eval"});
    }
    const std::vector<int32_t> prompt = loaded.tokenizer->encode(text);
    const auto context = static_cast<int64_t>(prompt.size()) + tokens_;
    check_memory(loaded.model, context);
    Session session(loaded.model, {.context = context, .runtime = invocation.runtime});
    const std::string warning = extrapolation_warning(loaded.model.config, context);
    if (!warning.empty()) invocation.console.note("warning: " + warning);
    if (samples_ > 1 && sampler_.temperature == 0) {
      invocation.console.note("warning: with --temperature 0 all samples are alike");
    }
    const Request request{text, prompt, *loaded.tokenizer};
    session.feed(prompt);
    return invocation.json ? whole(invocation.console, request, session)
                           : stream(invocation.console, request, session);
  }

 private:
  struct Request {
    const std::string& text;
    const std::vector<int32_t>& prompt;
    const Tokenizer& tokenizer;
  };
  /// A continuation: its bytes, the tokens that lie wholly within them, the stop that ended it.
  struct Continuation {
    std::string bytes;
    std::vector<int32_t> tokens;
    std::string stop;
  };

  void check_memory(const Model& model, int64_t context) const {
    const auto cache =
        model.layout.cache.bytes(model.config.head_dim, size_of(compute_dtype(model)), context);
    // Beside the one that holds the prompt, that of the sample at work.
    refuse_beyond_memory(static_cast<double>(cache) * (samples_ > 1 ? 2 : 1),
                         fmt::format("a cache of {} tokens", context),
                         "ask for fewer --tokens, or give a shorter prompt");
  }

  /// What sample i draws from: the session that holds the prompt, or while others follow, a copy.
  Session branch(Session& session, int64_t i) const {
    return i + 1 < samples_ ? session.copy() : std::move(session);
  }

  /// Sample i, from a session that holds the prompt; `show` gets its bytes as they become certain.
  Continuation sample(const Request& request, Session session, int64_t i,
                      const std::function<void(const std::string&)>& show) const {
    SamplerOptions options = sampler_;
    options.seed += static_cast<uint64_t>(i);
    StopText stop(stops_);
    Continuation c;
    const auto take = [&](std::string bytes) {
      show(bytes);
      c.bytes += bytes;
    };
    std::vector<size_t> ends;  // of each token, in bytes
    c.tokens = draw(session, request.prompt, tokens_, options, [&](int32_t token) {
      const std::string bytes = request.tokenizer.decode({&token, 1});
      ends.push_back((ends.empty() ? 0 : ends.back()) + bytes.size());
      take(stop.push(bytes));
      return stop.met().empty();
    });
    take(stop.finish());
    while (!stop.met().empty() && !ends.empty() && ends.back() > stop.length()) ends.pop_back();
    c.tokens.resize(ends.size());
    c.stop = stop.met();
    return c;
  }

  int whole(const Console& console, const Request& request, Session& session) const {
    nlohmann::json samples = nlohmann::json::array();
    for (int64_t i = 0; i < samples_; ++i) {
      const Continuation c = sample(request, branch(session, i), i, [](const std::string&) {});
      samples.push_back(
          {{"text", io::to_utf8(c.bytes)},
           {"tokens", c.tokens},
           {"seed", sampler_.seed + static_cast<uint64_t>(i)},
           {"stop", c.stop.empty() ? nlohmann::json() : nlohmann::json(io::to_utf8(c.stop))}});
    }
    nlohmann::json j{{"text", samples[0]["text"]}, {"tokens", samples[0]["tokens"]}};
    if (echo_) j["prompt"] = request.text;
    j["samples"] = std::move(samples);
    console.result(io::to_json_text(j));
    return 0;
  }

  /// Text as it comes; on a terminal after the prompt, and without what could steer the terminal.
  int stream(const Console& console, const Request& request, Session& session) const {
    const bool terminal = console.stdout_is_terminal();
    const auto show = [&](const std::string& text) {
      if (!text.empty()) console.result(terminal ? io::without_controls(text) : text);
    };
    const auto start = std::chrono::steady_clock::now();
    const auto cache = static_cast<double>(session.cache_bytes());
    size_t tokens = 0;
    for (int64_t i = 0; i < samples_; ++i) {
      if (samples_ > 1) {
        show(fmt::format("{}=== sample {} of {}, seed {}\n", i == 0 ? "" : "\n", i + 1, samples_,
                         sampler_.seed + static_cast<uint64_t>(i)));
      }
      if (terminal || echo_) show(request.text);
      io::Utf8Stream pieces;
      tokens += sample(request, branch(session, i), i, [&](const std::string& bytes) {
                  show(pieces.push(bytes));
                }).tokens.size();
      show(pieces.finish() + "\n");
    }
    if (terminal && console.stderr_is_terminal()) {
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      console.note(fmt::format("{} tokens in {}, cache {}", tokens, human_seconds(took.count()),
                               human_bytes(cache)));
    }
    return 0;
  }

  std::optional<std::string> prompt_;
  std::string model_, prompt_file_, precision_;
  std::vector<std::string> stops_;
  bool echo_ = false;
  int64_t tokens_ = 128, samples_ = 1, seed_ = 0;
  SamplerOptions sampler_;
};

}  // namespace

std::unique_ptr<Verb> make_generate() {
  return std::make_unique<GenerateVerb>();
}

}  // namespace weft::cli
