#include "train/checkpoint.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "data/tasks/task_file.h"
#include "io/atomic.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "model/config_json.h"
#include "model/config_toml.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

// A link that is replaced in one step. Where the file system knows no links, find_checkpoint goes
// by the numbers.
void point_latest(const fs::path& run, int64_t step) {
  const fs::path next = run / ".latest-next";
  const fs::path target = step_folder("", step);
  std::error_code error;
  fs::remove(next, error);
  if (::symlink(target.c_str(), next.c_str()) != 0) {
    if (errno == EPERM || errno == ENOTSUP || errno == ENOSYS) return;
    fail(ErrorCode::runtime, {next.string(), "to write it", std::strerror(errno), ""});
  }
  fs::rename(next, run / "latest", error);
  if (error) fail(ErrorCode::runtime, {(run / "latest").string(), "to write it", error.message()});
}

// config.json goes first: without it a folder is no checkpoint, so that one removed in part is not
// taken for one.
void prune(const fs::path& run, int64_t newest, int64_t keep) {
  if (keep == 0) return;
  std::vector<int64_t> steps = step_folders(run);
  std::erase_if(steps, [&](int64_t s) { return s >= newest; });
  const auto kept = static_cast<size_t>(keep - 1);
  if (steps.size() <= kept) return;
  steps.resize(steps.size() - kept);
  for (const int64_t step : steps) {
    std::error_code ignored;
    fs::remove(step_folder(run, step) / "config.json", ignored);
    fs::remove_all(step_folder(run, step), ignored);
  }
}

nlohmann::json to_json(const TrainState& s, const TrainConfig& train) {
  return {{"step", s.step},
          {"tokens", s.tokens},
          {"data", {{"cursor", s.windows}, {"tokens", s.corpus_tokens}}},
          {"random", {{"generator", "philox4x32-10"}, {"seed", s.seed}}},
          {"optimizer", name_of(train.optimizer.kind)},
          {"schedule",
           {{"kind", name_of(train.schedule)},
            {"steps", train.steps},
            {"warmup", train.warmup},
            {"lr", train.rates().rate(s.step)}}}};
}

TrainState read_state(const fs::path& path) {
  const nlohmann::json json = io::read_json(path);
  try {
    TrainState s;
    s.step = json.at("step").get<int64_t>();
    s.tokens = json.at("tokens").get<int64_t>();
    s.windows = json.at("data").at("cursor").get<int64_t>();
    s.corpus_tokens = json.at("data").at("tokens").get<int64_t>();
    s.seed = json.at("random").at("seed").get<uint64_t>();
    return s;
  } catch (const nlohmann::json::exception&) {
    fail(ErrorCode::input, {path.string(), "the numbers of a training state", "JSON without them",
                            "remove this checkpoint to resume from the one before"});
  }
}

void check_finite(const Parameters& parameters) {
  const int p = parameters.first_non_finite();
  if (p < 0) return;
  fail(ErrorCode::runtime, {"weights after the last step", "finite numbers",
                            "first non-finite value in " + parameters.spec(p).name,
                            "lower train.lr or look at the data"});
}

// `write_source`: says in a file of the folder where the model's ids come from.
template <class WriteSource>
io::Path write_folder(const io::Path& run, const Model& model,
                      std::span<const OptimizerTensor> optimizer, const TrainConfig& train,
                      const TrainState& state, const WriteSource& write_source) {
  check_finite(model.parameters);
  const fs::path path = step_folder(run, state.step);
  io::AtomicDir folder(path);
  save_model(folder.path(), model);
  write_source(folder.path());
  std::vector<io::NamedTensor> tensors;
  for (const OptimizerTensor& t : optimizer) tensors.push_back({t.name, t.tensor});
  io::write_safetensors(folder.path() / "optimizer.safetensors", tensors);
  io::write_atomic(folder.path() / "state.json", io::to_json_text(to_json(state, train)));
  folder.commit();
  point_latest(run, state.step);
  prune(run, state.step, train.keep_checkpoints);
  return path;
}

}  // namespace

io::Path write_checkpoint(const io::Path& run, const Model& model,
                          std::span<const OptimizerTensor> optimizer, const Tokenizer& tokenizer,
                          const TrainConfig& train, const TrainState& state) {
  return write_folder(run, model, optimizer, train, state, [&](const fs::path& folder) {
    write_tokenizer(folder / "tokenizer.json", tokenizer);
  });
}

io::Path write_checkpoint(const io::Path& run, const Model& model,
                          std::span<const OptimizerTensor> optimizer, const TaskSettings& task,
                          const TrainConfig& train, const TrainState& state) {
  return write_folder(run, model, optimizer, train, state,
                      [&](const fs::path& folder) { write_task(folder / "task.json", task); });
}

TrainState read_checkpoint(const io::Path& checkpoint, Model& model, Optimizer& optimizer,
                           const Axes& axes) {
  const fs::path config = checkpoint / "config.json";
  const ModelConfig stored = config_from_json(io::read_json(config), config.string(), axes);
  if (!(write_model(stored) == write_model(model.config))) {
    fail(ErrorCode::input, {config.string(), "the model of the run", "another model",
                            "was the checkpoint copied here?"});
  }
  TrainState state = read_state(checkpoint / "state.json");
  load_weights(checkpoint / "model.safetensors", model.parameters);
  const auto file = io::SafeTensors::open(checkpoint / "optimizer.safetensors");
  for (const OptimizerTensor& t : optimizer.state()) file.read(t.name, t.tensor);
  return state;
}

}  // namespace weft
