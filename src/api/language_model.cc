// The public face over the model, the trainer and the sessions.
#include "weft/language_model.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "api/guarded.h"
#include "api/own_axes.h"
#include "base/error.h"
#include "infer/evaluate.h"
#include "infer/generate.h"
#include "io/atomic.h"
#include "io/utf8.h"
#include "lab/checks/check.h"
#include "lab/checks/shrink.h"
#include "model/draw.h"
#include "model/explain.h"
#include "train/run_config.h"
#include "train/trainer.h"

namespace weft {

namespace {

/// What a fit() leaves for the next one that goes on.
struct FitState {
  int64_t steps = 0;  ///< done since the optimiser began
  std::vector<Tensor> moments;
};

}  // namespace

struct LanguageModel::Impl {
  Model model;
  std::unique_ptr<Tokenizer> tokenizer;
  own::Axes own;
  FitState fitted = {};

  const Axes& axes() const { return own::Access::of(own); }
};

namespace {

Runtime runtime_of(int threads) {
  if (threads < 0) fail(ErrorCode::usage, {"threads", "0 or more", std::to_string(threads)});
  if (threads == 0) return Runtime::adaptive(useful_threads());
  Runtime runtime = Runtime::best();
  runtime.threads = threads;
  return runtime;
}

std::pair<Model, std::unique_ptr<Tokenizer>> make_source(const std::string& source,
                                                         const std::vector<std::string>& settings,
                                                         uint64_t seed, const Axes& axes) {
  std::vector<io::Override> overrides;
  for (const std::string& text : settings) overrides.push_back(io::parse_override(text));
  const RunConfig config = load_run_config(source, overrides, axes);
  if (config.data.is_task()) {
    fail(ErrorCode::config, {"config: data.task", "a model of text", config.data.task.name,
                             "a task has no tokenizer; remove it to make its model"});
  }
  check_memory(least_memory(config.model, config.train), usable_memory());
  return {make_model(config.model, seed, DType::f32, WeightCopies::master, axes),
          make_tokenizer(config.data.tokenizer)};
}

TrainConfig train_config(const FitOptions& options, int64_t steps) {
  TrainConfig config;
  config.steps = steps;
  config.batch = options.batch;
  config.lr = options.lr;
  config.min_lr = options.lr / 10;
  config.warmup = std::min<int64_t>(config.warmup, steps / 10);
  config.seed = options.seed;
  config.precision = options.bf16 ? DType::bf16 : DType::f32;
  return config;
}

/// Training wants the master weights and, in bf16, copies beside them.
Model with_copies(const Model& model, WeightCopies copies) {
  Model other{model.config, model.layout, Parameters(model.parameters.specs(), DType::f32, copies)};
  for (int i = 0; i < model.parameters.count(); ++i) {
    other.parameters.assign(i, model.parameters.value(i));
  }
  return other;
}

/// Updates done before this call; throws where the options cannot be met.
int64_t steps_before(const FitOptions& options, const FitState& fitted) {
  if (options.steps < 1) {
    fail(ErrorCode::usage, {"fit: steps", "1 or more", std::to_string(options.steps)});
  }
  if (options.go_on && fitted.moments.empty()) {
    fail(ErrorCode::usage, {"fit: go_on", "a model that fit() has trained, with keep_state",
                            "one without an optimiser's state", "the first fit does not go on"});
  }
  const int64_t before = options.go_on ? fitted.steps : 0;
  if (options.schedule_steps != 0 && options.schedule_steps < before + options.steps) {
    fail(ErrorCode::usage, {"fit: schedule_steps",
                            "0, or at least the " + std::to_string(before + options.steps) +
                                " steps that will be done",
                            std::to_string(options.schedule_steps)});
  }
  return before;
}

void put_moments(const FitState& fitted, const Optimizer& optimizer) {
  size_t i = 0;
  for (const OptimizerTensor& t : optimizer.state()) {
    std::memcpy(t.tensor.data, fitted.moments[i++].data(), t.tensor.desc.bytes());
  }
}

FitState take_moments(int64_t steps, const Optimizer& optimizer) {
  FitState fitted;
  fitted.steps = steps;
  for (const OptimizerTensor& t : optimizer.state()) {
    Tensor& copy = fitted.moments.emplace_back(t.tensor.desc);
    std::memcpy(copy.data(), t.tensor.data, t.tensor.desc.bytes());
  }
  return fitted;
}

}  // namespace

LanguageModel::LanguageModel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LanguageModel::LanguageModel(LanguageModel&&) noexcept = default;
LanguageModel& LanguageModel::operator=(LanguageModel&&) noexcept = default;
LanguageModel::~LanguageModel() = default;

LanguageModel::Impl& LanguageModel::impl(const char* call) const {
  if (impl_ != nullptr) return *impl_;
  fail(ErrorCode::usage,
       {std::string("LanguageModel::") + call, "an object that holds a model",
        "one whose model was moved to another object", "call the object that it was moved to"});
}

LanguageModel LanguageModel::make(std::string_view design, const std::vector<std::string>& settings,
                                  std::uint64_t seed, const own::Axes& axes) {
  return guarded([&] {
    auto [model, tokenizer] =
        make_source(std::string(design), settings, seed, own::Access::of(axes));
    return LanguageModel(
        std::make_unique<Impl>(Impl{std::move(model), std::move(tokenizer), axes}));
  });
}

LanguageModel LanguageModel::make_from(const std::filesystem::path& config,
                                       const std::vector<std::string>& settings, std::uint64_t seed,
                                       const own::Axes& axes) {
  return make(config.string(), settings, seed, axes);
}

LanguageModel LanguageModel::load(const std::filesystem::path& folder, const own::Axes& axes) {
  return guarded([&] {
    const std::filesystem::path checkpoint = find_checkpoint(folder);
    std::unique_ptr<Tokenizer> tokenizer = read_tokenizer(checkpoint / "tokenizer.json");
    return LanguageModel(std::make_unique<Impl>(
        Impl{load_model(checkpoint, {}, own::Access::of(axes)), std::move(tokenizer), axes}));
  });
}

void LanguageModel::save(const std::filesystem::path& folder) const {
  guarded([&] {
    const Impl& self = impl("save");
    io::AtomicDir target(folder);
    save_model(target.path(), self.model);
    write_tokenizer(target.path() / "tokenizer.json", *self.tokenizer);
    target.commit();
  });
}

double LanguageModel::fit(std::string_view text, const FitOptions& options) {
  return guarded([&] {
    Impl& self = impl("fit");
    const int64_t before = steps_before(options, self.fitted), end = before + options.steps;
    const Corpus corpus = Corpus::of_text(text, *self.tokenizer);
    Trainer::Options trainer_options;
    trainer_options.train =
        train_config(options, options.schedule_steps > 0 ? options.schedule_steps : end);
    trainer_options.runtime = runtime_of(options.threads);
    trainer_options.axes = self.axes();
    // On a copy, so that a training that fails leaves the model as it was.
    Model trained =
        with_copies(self.model, Trainer::weight_copies(trainer_options.train.precision));
    Trainer trainer(trained, trainer_options);
    if (before > 0) put_moments(self.fitted, trainer.optimizer());
    const TrainWindows windows(
        corpus, {0, corpus.size()},
        {.seed = options.seed, .batch = options.batch, .time = self.model.config.context});
    double loss = 0;
    int64_t done = before;
    while (done < end) {
      loss = trainer.step(++done, windows).loss;
      if (options.on_step && !options.on_step(done - before, loss)) break;
    }
    FitState fitted = options.keep_state ? take_moments(done, trainer.optimizer()) : FitState{};
    self.model = with_copies(trained, WeightCopies::master);
    self.fitted = std::move(fitted);
    return loss;
  });
}

double LanguageModel::loss(std::string_view text) const {
  return guarded([&] {
    const Impl& self = impl("loss");
    const Corpus corpus = Corpus::of_text(text, *self.tokenizer);
    if (corpus.size() < 2) {
      fail(ErrorCode::input, {"loss: text", "two tokens or more", std::to_string(corpus.size()),
                              "the first has nothing before it that could predict it"});
    }
    const int64_t lengths[] = {std::min(self.model.config.context, corpus.size() - 1)};
    EvaluateOptions options;
    options.axes = self.axes();
    return evaluate(self.model, corpus, {0, corpus.size()}, lengths, options).front().loss;
  });
}

std::string LanguageModel::generate(std::string_view prompt, const GenerateOptions& options) const {
  return guarded([&] {
    const Impl& self = impl("generate");
    const SamplerOptions sampler{.temperature = options.temperature,
                                 .top_k = options.top_k,
                                 .top_p = options.top_p,
                                 .min_p = options.min_p,
                                 .repetition_penalty = options.repetition_penalty,
                                 .seed = options.seed,
                                 .known = impl_->tokenizer->vocab()};
    if (options.tokens < 0) {
      fail(ErrorCode::usage, {"generate: tokens", "0 or more", std::to_string(options.tokens)});
    }
    const std::vector<int32_t> ids = self.tokenizer->encode(prompt);
    const auto context = std::max<int64_t>(1, static_cast<int64_t>(ids.size()) + options.tokens);
    SessionOptions session_options;
    session_options.context = context;
    session_options.runtime = runtime_of(options.threads);
    session_options.axes = self.axes();
    Session session(self.model, session_options);
    io::Utf8Stream pieces;
    std::string text;
    weft::generate(session, ids, options.tokens, sampler, [&](int32_t token) {
      const std::string piece = pieces.push(self.tokenizer->decode({&token, 1}));
      text += piece;
      return piece.empty() || !options.on_text || options.on_text(piece);
    });
    const std::string rest = pieces.finish();
    if (!rest.empty() && options.on_text) options.on_text(rest);
    return text + rest;
  });
}

ModelNumbers LanguageModel::numbers() const {
  return guarded([&] {
    const Impl& self = impl("numbers");
    const Model& m = self.model;
    const Explanation e =
        weft::explain(m.config, m.layout, 0, size_of(compute_dtype(m)), self.axes());
    return ModelNumbers{.parameters = e.parameters,
                        .vocab = m.config.vocab,
                        .context = m.config.context,
                        .training_flops_per_token = e.training_flops,
                        .cache_bytes_per_token = e.cache_per_token,
                        .cache_bytes = e.cache_total};
  });
}

std::string LanguageModel::explain() const {
  return guarded([&] {
    const Impl& self = impl("explain");
    const Model& m = self.model;
    return explain_text(m.config, weft::explain(m.config, m.layout, 0, size_of(compute_dtype(m)),
                                                self.axes())) +
           "\n" + draw_wiring(m.config, m.layout);
  });
}

std::vector<CheckReport> LanguageModel::check(const std::filesystem::path& scratch) const {
  return guarded([&] {
    const Impl& self = impl("check");
    const ModelConfig small = checks::shrink(self.model.config, self.axes());
    const checks::Subject subject(small, self.axes(), scratch.string());
    std::vector<CheckReport> reports;
    for (const checks::Check& check : checks::all()) {
      const checks::Result r = checks::run(check, subject);
      reports.push_back({std::string(check.name), std::string(check.question), r.ok, r.skipped,
                         r.measured, r.limit, r.message});
    }
    return reports;
  });
}

}  // namespace weft
