// weft train: a run in its folder.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/table.h"
#include "cli/train_display.h"
#include "cli/train_stop.h"
#include "cli/verb.h"
#include "io/json.h"
#include "io/utf8.h"
#include "model/designs.h"
#include "train/resume.h"
#include "train/run.h"
#include "train/start_from.h"

namespace weft::cli {
namespace {

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

  void declare(Flags& flags) override {
    flags.text("CONFIG", config_, "a TOML file or the name of a design; not needed with --resume")
        .such_as(design_names());
    flags.settings(settings_);
    flags.word("--out", out_, "the run folder").required();
    flags.word("--from", from_, "start from the weights of this MODEL; [model] is its own");
    flags.flag("--resume", resume_, "go on from the latest checkpoint of the run folder");
  }

  int run(const Invocation& invocation) override {
    if (config_.empty() && from_.empty() && !resume_) {
      fail(ErrorCode::usage, {"weft train", "a TOML file or a design", "none",
                              "or --resume to go on with the run in --out"});
    }
    if (resume_ && !from_.empty()) {
      fail(ErrorCode::usage, {"weft train", "--from or --resume", "both",
                              "a run that is resumed goes on from its own weights"});
    }
    TrainStop stop(invocation.console, out_);
    std::vector<io::Override> overrides;
    for (const std::string& text : settings_) overrides.push_back(io::parse_override(text));
    TrainDisplay display(invocation.console);
    TrainRequest request{.config = configuration(overrides), .out = out_};
    request.resume = resume_;
    for (const io::Override& o : overrides) request.asked.push_back(io::to_string(o.path));
    request.runtime = invocation.runtime;
    request.observer = display.observer();
    stop.attach(request);
    std::vector<std::string> notes;
    request.observer.on_start = [&, begin = request.observer.on_start](const RunStart& start) {
      begin(start);
      notes = start.notes;
      for (const std::string& note : notes) invocation.console.note("note: " + printable(note));
    };
    const TrainOutcome outcome = run_training(request);
    invocation.console.end_live();
    summary(invocation.console, outcome);
    if (invocation.json) {
      invocation.console.result(document(outcome, request.config.train.steps, notes));
    }
    return stop.exit_code(outcome);
  }

 private:
  /// One line, whatever names are in it.
  static std::string printable(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return io::without_controls(io::to_utf8(text));
  }

  /// That of the argument, or what the run that goes on keeps.
  RunConfig configuration(const std::vector<io::Override>& overrides) const {
    if (!resume_) return fresh_run_config(config_, overrides, from_);
    if (!config_.empty()) return load_run_config(config_, overrides);
    const io::Path stored = io::Path(out_) / "config.toml";
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(stored, ignored)) {
      fail(ErrorCode::input,
           {out_, "the folder of a run, with its config.toml",
            std::filesystem::exists(out_, ignored) ? "none in it" : "no such folder",
            "begin a run with weft train CONFIG --out " + out_});
    }
    return load_resumed_config(stored.string(), overrides);
  }

  std::string document(const TrainOutcome& outcome, int64_t steps,
                       const std::vector<std::string>& notes) const {
    const auto or_null = [](const std::optional<double>& x) {
      return x ? nlohmann::json(*x) : nlohmann::json(nullptr);
    };
    nlohmann::json j{{"step", outcome.step},
                     {"steps", steps},
                     {"steps_done", outcome.steps_done},
                     {"stopped", outcome.stopped},
                     {"loss", or_null(outcome.loss)},
                     {"val_loss", or_null(outcome.val_loss)},
                     {"parameters", outcome.parameters},
                     {"tokens", outcome.tokens},
                     {"seconds", outcome.seconds},
                     {"out", out_},
                     {"checkpoint", outcome.checkpoint.string()},
                     {"metrics", (io::Path(out_) / "metrics.jsonl").string()},
                     {"notes", notes}};
    if (outcome.val_accuracy) j["val_accuracy"] = *outcome.val_accuracy;
    return io::to_json_text(j);
  }

  void summary(const Console& console, const TrainOutcome& outcome) const {
    const bool finished_before = outcome.steps_done == 0 && outcome.step > 0 && !outcome.stopped;
    std::string line = fmt::format("{} step {}",
                                   outcome.stopped   ? "stopped after"
                                   : finished_before ? "nothing left to do: already at"
                                                     : "trained to",
                                   outcome.step);
    if (finished_before) line += fmt::format(" of {}", outcome.step);
    if (outcome.loss) line += fmt::format(", loss {:.4f}", *outcome.loss);
    if (outcome.val_loss) line += fmt::format(", val_loss {:.4f}", *outcome.val_loss);
    if (outcome.val_accuracy) {
      line += fmt::format(", val_accuracy {:.2f}%", 100 * *outcome.val_accuracy);
    }
    console.note(line);
    console.note("checkpoint  " + outcome.checkpoint.string());
    console.note("metrics     " + (io::Path(out_) / "metrics.jsonl").string());
    if (finished_before) {
      console.note(fmt::format("go on with  weft train --resume --out {} --set train.steps={}",
                               out_, 2 * outcome.step));
    }
    if (outcome.stopped) console.note("go on with  weft train --resume --out " + out_);
  }

  std::string config_, out_, from_;
  std::vector<std::string> settings_;
  bool resume_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_train() {
  return std::make_unique<TrainVerb>();
}

}  // namespace weft::cli
