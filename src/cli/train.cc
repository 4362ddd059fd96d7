// weft train: a run in its folder.
#include <fmt/format.h>

#include <chrono>

#include "base/error.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "model/designs.h"
#include "train/run.h"

namespace weft::cli {
namespace {

/// What a run shows while it goes: a live line on a terminal, plain lines elsewhere.
class Display {
 public:
  explicit Display(const Console& console) : console_(console) {}

  TrainObserver observer() {
    return {.on_start = [this](const RunStart& start) { begin(start); },
            .on_step = [this](const StepReport& step) { live(step); },
            .on_log = [this](const LogLine& line) { log(line); },
            .on_eval = [this](int64_t, const Score& score) { evaluated(score); },
            .on_checkpoint = {}};
  }
  /// Ends the live line.
  void finish() {
    if (drawn_) console_.raw("\r\x1b[K");
    drawn_ = false;
  }

 private:
  using Clock = std::chrono::steady_clock;

  void begin(const RunStart& start) {
    now_.steps = start.steps;
    first_step_ = start.first_step;
    begun_ = Clock::now();
    task_ = !start.task.empty();
    const std::string data =
        task_ ? start.task + " sequences made on the fly"
              : human_count(static_cast<double>(start.corpus_tokens)) + " tokens to train on";
    console_.note(fmt::format(
        "{} parameters, {}, {} tokens a step, {} of memory{}",
        human_count(static_cast<double>(start.parameters)), data, start.tokens_per_step,
        human_bytes(start.memory.total()),
        start.first_step > 1 ? fmt::format("; resumed after step {}", start.first_step - 1) : ""));
  }

  void evaluated(const Score& score) {
    now_.val_loss = score.loss;
    if (task_) now_.val_accuracy = score.accuracy;
  }

  void live(const StepReport& step) {
    now_.step = step.step;
    now_.loss = step.loss;
    const Clock::time_point time = Clock::now();
    if (!console_.stderr_is_terminal() || !(step.step == now_.steps || clock_.due(time))) return;
    const auto done = static_cast<double>(step.step - first_step_ + 1);
    const double elapsed = std::chrono::duration<double>(time - begun_).count();
    now_.tokens_per_second = step.tokens_per_second;
    now_.seconds_left = elapsed / done * static_cast<double>(now_.steps - step.step);
    // One column less than there is: some terminals wrap when the last one is written.
    console_.raw("\r\x1b[K" + progress_line(now_, console_.width() - 1));
    drawn_ = true;
  }

  void log(const LogLine& line) {
    now_.mfu = line.mfu;
    if (console_.stderr_is_terminal()) return;
    Progress p{
        .step = line.step, .steps = now_.steps, .loss = line.loss, .val_loss = line.val_loss};
    p.val_accuracy = line.val_accuracy;
    p.tokens_per_second = line.tokens_per_second;
    p.mfu = line.mfu;
    console_.note(progress_line(p, 1000));
  }

  const Console& console_;
  Progress now_;
  RedrawClock clock_;
  Clock::time_point begun_;
  int64_t first_step_ = 1;
  bool task_ = false, drawn_ = false;
};

class TrainVerb final : public Verb {
 public:
  std::string_view name() const override { return "train"; }
  std::string_view summary() const override { return "Train a model, or go on training one"; }
  std::vector<Example> examples() const override {
    return {
        {"weft train resformer --set data.train=book.txt --set data.holdout=0.1 --out runs/first",
         "a design on a text, of which a tenth is kept to measure on"},
        {"weft train --resume --out runs/first --set train.steps=2000",
         "go on with a run, for longer than it was meant to go"}};
  }
  bool has_json() const override { return false; }

  void declare(Flags& flags) override {
    flags.text("CONFIG", config_, "a TOML file or the name of a design; not needed with --resume")
        .such_as(design_names());
    flags.settings(settings_);
    flags.word("--out", out_, "the run folder").required();
    flags.flag("--resume", resume_, "go on from the latest checkpoint of the run folder");
  }

  int run(const Invocation& invocation) override {
    if (config_.empty() && !resume_) {
      fail(ErrorCode::usage, {"weft train", "a TOML file or a design", "none",
                              "or --resume to go on with the run in --out"});
    }
    std::vector<io::Override> overrides;
    for (const std::string& text : settings_) overrides.push_back(io::parse_override(text));
    Display display(invocation.console);
    TrainRequest request{.config = load_run_config(source(), overrides), .out = out_};
    request.resume = resume_;
    request.runtime = invocation.runtime;
    request.stop = &stop_flag();
    request.observer = display.observer();
    try {
      const TrainOutcome outcome = run_training(request);
      display.finish();
      summary(invocation.console, outcome);
    } catch (...) {
      display.finish();
      throw;
    }
    return 0;
  }

 private:
  /// What the configuration is read from: the argument, or what the run that goes on keeps.
  std::string source() const {
    if (!config_.empty()) return config_;
    const io::Path stored = io::Path(out_) / "config.toml";
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(stored, ignored)) {
      fail(ErrorCode::input,
           {out_, "the folder of a run, with its config.toml",
            std::filesystem::exists(out_, ignored) ? "none in it" : "no such folder",
            "begin a run with weft train CONFIG --out " + out_});
    }
    return stored.string();
  }

  void summary(const Console& console, const TrainOutcome& outcome) const {
    std::string line =
        fmt::format("{} step {}", outcome.stopped ? "stopped after" : "trained to", outcome.step);
    if (outcome.loss) line += fmt::format(", loss {:.4f}", *outcome.loss);
    if (outcome.val_loss) line += fmt::format(", val_loss {:.4f}", *outcome.val_loss);
    if (outcome.val_accuracy) {
      line += fmt::format(", val_accuracy {:.2f}%", 100 * *outcome.val_accuracy);
    }
    console.note(line);
    console.note("checkpoint  " + outcome.checkpoint.string());
    console.note("metrics     " + (io::Path(out_) / "metrics.jsonl").string());
    if (outcome.stopped) console.note("go on with  weft train --resume --out " + out_);
  }

  std::string config_, out_;
  std::vector<std::string> settings_;
  bool resume_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_train() {
  return std::make_unique<TrainVerb>();
}

}  // namespace weft::cli
