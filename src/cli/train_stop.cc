#include "cli/train_stop.h"

#include <fmt/format.h>

#include <exception>
#include <filesystem>
#include <utility>

#include "model/model.h"

namespace weft::cli {
namespace {

/// The steps behind the checkpoint "step-50" up to `step`: "; steps 51 to 59 are lost".
std::string lost_since(const std::string& checkpoint, int64_t step) {
  const size_t dash = checkpoint.rfind('-');
  if (dash == std::string::npos) return "";
  const int64_t first = std::atoll(checkpoint.c_str() + dash + 1) + 1;
  if (first > step) return "";
  return first == step ? fmt::format("; step {} is lost", step)
                       : fmt::format("; steps {} to {} are lost", first, step);
}

}  // namespace

TrainStop::TrainStop(const Console& console, io::Path out)
    : out_(std::move(out)),
      signals_(console, {.finishing = [this] { return finishing(); },
                         .again = "to stop without saving",
                         .ended = [this] { return ended(); }}) {}

void TrainStop::attach(TrainRequest& request) {
  request.stop = &signals_.asked();
  request.observer.on_begin = [this](int64_t step) { step_ = step; };
}

int TrainStop::exit_code(const TrainOutcome& outcome) const {
  return outcome.stopped ? signals_.exit_code() : 0;
}

std::string TrainStop::finishing() const {
  return step_ == 0 ? "" : fmt::format("finishing step {}, saving", step_.load());
}

// Asks the folder, where another thread may be writing: what is named is there.
std::string TrainStop::ended() const {
  const std::string go_on = "go on with  weft train --resume --out " + out_.string();
  std::error_code ignored;
  if (step_ == 0) {
    return std::filesystem::exists(out_ / "config.toml", ignored)
               ? "stopped before a step was done; " + go_on
               : "stopped before the first step; nothing was written";
  }
  try {
    const std::string last = find_checkpoint(out_).filename().string();
    return fmt::format("stopped without saving; the last checkpoint is {}{}; {}", last,
                       lost_since(last, step_), go_on);
  } catch (const std::exception&) {
    return "stopped without saving, before the first checkpoint; all steps are lost; " + go_on;
  }
}

}  // namespace weft::cli
