// weft train: a run in its folder.
#include <fmt/format.h>

#include "base/error.h"
#include "cli/signals.h"
#include "cli/train_display.h"
#include "cli/verb.h"
#include "train/run.h"

namespace weft::cli {
namespace {

class TrainVerb final : public Verb {
 public:
  std::string_view name() const override { return "train"; }
  std::string_view summary() const override { return "Train a model, or go on training one"; }
  bool has_json() const override { return false; }

  void declare(Flags& flags) override {
    flags.text("CONFIG", config_, "a TOML file or the name of a design; not needed with --resume");
    flags.repeated("--set", settings_, "key=value, overrides the configuration");
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
    TrainDisplay display(invocation.console);
    TrainRequest request{.config = load_run_config(source(), overrides), .out = out_};
    request.resume = resume_;
    request.runtime = invocation.runtime;
    request.stop = &stop_flag();
    request.observer = display.observer();
    const TrainOutcome outcome = run_training(request);
    invocation.console.end_live();
    summary(invocation.console, outcome);
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
