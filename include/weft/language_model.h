// Language models for a program that embeds Weft: make, train, ask, save.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weft/exception.h"
#include "weft/own.h"

namespace weft {

struct FitOptions {
  std::int64_t steps = 100;
  std::int64_t batch = 8;  ///< windows of the model's context in one step
  double lr = 1e-3;        ///< the peak; warm-up, then a cosine down to a tenth
  std::uint64_t seed = 0;  ///< of the order of the windows
  bool bf16 = false;       ///< compute in bf16, keep weights in f32
  int threads = 0;         ///< 0: all cores
  /// Called after every step with its number (from 1) and its loss in nats per token; false ends
  /// the training.
  std::function<bool(std::int64_t step, double loss)> on_step = {};
  /// Go on where the fit() before ended: with its optimiser's state, its count of steps and the
  /// order of its windows. 60 steps and 40 that go on are, to the bit, one fit of 100 steps where
  /// text and options are the same and schedule_steps is 100 in both.
  bool go_on = false;
  /// Steps over which warm-up and cosine are laid, from the first step of a fit that did not go on;
  /// 0: as many as will be done when this call returns.
  std::int64_t schedule_steps = 0;
  /// Keep what a later fit() needs to go on: 8 bytes a parameter, until the object goes.
  bool keep_state = true;
};

struct GenerateOptions {
  std::int64_t tokens = 128;      ///< how many to add
  double temperature = 1;         ///< 0: always the likeliest
  std::int64_t top_k = 0;         ///< only the k likeliest; 0: all
  double top_p = 1;               ///< only the likeliest that sum to p
  double min_p = 0;               ///< only those at least p times as likely as the likeliest
  double repetition_penalty = 1;  ///< divides the logits of tokens seen before
  std::uint64_t seed = 0;
  int threads = 0;  ///< 0: all cores
  /// Called with every piece of text as it comes, well-formed UTF-8; false ends the text.
  std::function<bool(std::string_view piece)> on_text = {};
};

struct ModelNumbers {
  std::int64_t parameters = 0;
  std::int64_t vocab = 0, context = 0;
  double training_flops_per_token = 0;     ///< forward and backward
  std::int64_t cache_bytes_per_token = 0;  ///< of the KV cache, while no window is full
  std::int64_t cache_bytes = 0;            ///< of a sequence of `context` tokens
};

/// One of the checks that every design must pass: gradients, causality, decoding, cache and so on.
struct CheckReport {
  std::string name;
  std::string question;  ///< one line: what must hold
  bool ok = false;
  bool skipped = false;  ///< the question does not arise for this model
  double measured = 0;   ///< an error, or a number of faults
  double limit = 0;      ///< the most that is right
  std::string message;   ///< what went wrong, and where
};

/// A model with its weights and its tokenizer (bytes). Movable; an object whose model was moved to
/// another throws Exception(usage) at every call until a model is assigned to it. Calls on one
/// object must not overlap in time; different objects are independent. Every call may throw
/// weft::Exception. The library installs no handler; while a step or a token is computed, signals
/// of the calling thread wait, or go to a thread that does not compute.
class LanguageModel {
 public:
  /// A freshly initialised model of a named design ("transformer", "resformer", "stick-breaking",
  /// ...; `weft designs` lists them) at default sizes. `settings` override any key of the
  /// configuration as the command line does: {"model.dim=128", "model.layers=4"}. `axes`: what the
  /// program adds to the library; its names are then as good as any in settings and files.
  static LanguageModel make(std::string_view design, const std::vector<std::string>& settings = {},
                            std::uint64_t seed = 0, const own::Axes& axes = own::Axes());
  /// The same from the [model] table of a TOML file.
  static LanguageModel make_from(const std::filesystem::path& config,
                                 const std::vector<std::string>& settings = {},
                                 std::uint64_t seed = 0, const own::Axes& axes = own::Axes());
  /// A run, checkpoint or model folder.
  static LanguageModel load(const std::filesystem::path& folder,
                            const own::Axes& axes = own::Axes());

  LanguageModel(LanguageModel&&) noexcept;
  LanguageModel& operator=(LanguageModel&&) noexcept;
  ~LanguageModel();

  /// Writes a model folder that load() and the command line read, atomically: a crash leaves what
  /// was there before or the new one.
  void save(const std::filesystem::path& folder) const;

  /// Trains on windows of a text (longer than the model's context), with AdamW, which starts afresh
  /// unless options.go_on. Returns the loss of the last step in nats per token. A training that
  /// throws leaves the model, and what another can go on from, as they were.
  double fit(std::string_view text, const FitOptions& options = {});
  /// Mean loss on a text of two tokens or more in nats per token: each token that has a predecessor
  /// once, in windows of the model's context, of which the last, or the only one, may be shorter.
  double loss(std::string_view text) const;
  /// Continues a prompt (not empty). The result is well-formed UTF-8 and excludes the prompt.
  std::string generate(std::string_view prompt, const GenerateOptions& options = {}) const;

  ModelNumbers numbers() const;
  /// What it costs and how it is wired, for people.
  std::string explain() const;
  /// Runs every check on a small model of the same mechanisms, positions and wirings, in seconds.
  /// `scratch`: an existing folder for the checkpoint of the check of resuming, which is left as
  /// it was; empty: that one is skipped.
  std::vector<CheckReport> check(const std::filesystem::path& scratch = {}) const;

 private:
  struct Impl;
  explicit LanguageModel(std::unique_ptr<Impl> impl);
  Impl& impl(const char* call) const;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weft
