// Where the checkpoints of a run are: the half of model.h that knows its folders.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"
#include "io/json.h"
#include "model/model.h"
#include "model/weights_file.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStep = "step-";

bool holds(const fs::path& folder, const char* name) {
  std::error_code ignored;
  return fs::is_regular_file(folder / name, ignored);
}

bool is_checkpoint(const fs::path& folder) {
  return holds(folder, "config.json");
}

// The number in "step-N"; -1 where the name is another.
int64_t step_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (!name.starts_with(kStep)) return -1;
  int64_t step = -1;
  const char* const end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data() + kStep.size(), end, step);
  return error == std::errc() && rest == end ? step : -1;
}

// A folder of weights, not one of the run's own that a link leads to.
bool latest_is_a_copy(const fs::path& run) {
  std::error_code error;
  const fs::path latest = run / "latest";
  if (!is_checkpoint(latest)) return false;
  if (!fs::is_symlink(latest, error)) return true;
  return !fs::equivalent(fs::canonical(latest, error).parent_path(), run / "checkpoints", error);
}

[[noreturn]] void refuse_incomplete(const fs::path& folder, const char* missing) {
  fail(ErrorCode::input,
       {folder.string(), "a whole checkpoint, the newest of its run",
        std::string("none of its ") + missing,
        "was the run copied in part? copy it again, or remove this folder to use the one before"});
}

[[noreturn]] void refuse_model(const fs::path& model) {
  if (const std::string other = weights_of_another_kind(model); !other.empty()) {
    fail(ErrorCode::input, {model.string(), "a run folder, a checkpoint or an imported model",
                            other, "beside the weights a config.json must say what they are"});
  }
  std::error_code ignored;
  const bool run = fs::exists(model / "config.toml", ignored);
  const char* got = run                          ? "a run that has no checkpoint yet"
                    : fs::exists(model, ignored) ? "neither config.json nor a run in it"
                                                 : "no such file or folder";
  fail(ErrorCode::input, {model.string(), "a run folder, a checkpoint or an imported model", got,
                          run ? "continue it with --resume" : ""});
}

}  // namespace

std::vector<int64_t> step_folders(const fs::path& run) {
  std::vector<int64_t> steps;
  std::error_code error;
  for (fs::directory_iterator it(run / "checkpoints", error), end; !error && it != end;
       it.increment(error)) {
    std::error_code unknown;
    const int64_t step = step_of(it->path());
    if (step >= 0 && it->is_directory(unknown)) steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

fs::path step_folder(const fs::path& run, int64_t step) {
  return run / "checkpoints" / (std::string(kStep) + std::to_string(step));
}

int64_t step_of_checkpoint(const fs::path& checkpoint) {
  try {
    return io::read_json(checkpoint / "state.json").at("step").get<int64_t>();
  } catch (const std::exception&) {
    return -1;
  }
}

fs::path find_checkpoint(const fs::path& model) {
  if (is_checkpoint(model)) return model;
  const fs::path latest = model / "latest";
  const bool copy = latest_is_a_copy(model);
  std::vector<int64_t> steps = step_folders(model);
  if (steps.empty()) {
    if (copy) return latest;
    refuse_model(model);
  }
  if (copy && step_of_checkpoint(latest) > steps.back()) return latest;
  fs::path newest = step_folder(model, steps.back());
  // A run that is being trained may have written a newer one and removed this meanwhile.
  for (int again = 0; again < 3 && !is_checkpoint(newest); ++again) {
    steps = step_folders(model);
    if (!steps.empty()) newest = step_folder(model, steps.back());
  }
  if (!is_checkpoint(newest)) refuse_incomplete(newest, "config.json");
  if (!holds(newest, "model.safetensors")) refuse_incomplete(newest, "model.safetensors");
  return newest;
}

}  // namespace weft
