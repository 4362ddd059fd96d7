#include "train/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "data/tasks/task_file.h"
#include "io/atomic.h"
#include "io/hash.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "io/utf8.h"
#include "model/config_json.h"
#include "model/config_toml.h"
#include "train/latest.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

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

constexpr size_t kMostListed = 1000;  // files of the data that a checkpoint names one by one

nlohmann::json to_json(const DataContents& contents) {
  nlohmann::json json{{"xxh3", contents.hash}};
  if (contents.files.empty()) return json;
  json["files"] = nlohmann::json::array();
  for (const DataFile& f : contents.files) {
    json["files"].push_back({{"path", io::to_utf8(f.path)}, {"bytes", f.bytes}, {"xxh3", f.hash}});
  }
  return json;
}

nlohmann::json to_json(const TrainState& s, const TrainConfig& train) {
  nlohmann::json data{{"cursor", s.windows}, {"tokens", s.corpus_tokens}};
  if (!s.train_data.hash.empty()) data["train"] = to_json(s.train_data);
  if (!s.validation_data.hash.empty()) data["validation"] = to_json(s.validation_data);
  nlohmann::json from;  // null: fresh weights
  if (!train.from.empty()) from = train.from;
  return {{"step", s.step},
          {"from", from},
          {"tokens", s.tokens},
          {"data", data},
          {"random", {{"generator", "philox4x32-10"}, {"seed", s.seed}}},
          {"optimizer", name_of(train.optimizer.kind)},
          {"schedule",
           {{"kind", name_of(train.schedule)},
            {"steps", train.steps},
            {"warmup", train.warmup},
            {"lr", train.rates().rate(s.step)}}}};
}

// Nothing where an older version wrote the file.
DataContents read_contents(const nlohmann::json& data, const char* key) {
  DataContents contents;
  if (!data.contains(key)) return contents;
  contents.hash = data.at(key).at("xxh3").get<std::string>();
  for (const nlohmann::json& f : data.at(key).value("files", nlohmann::json::array())) {
    contents.files.push_back({f.at("path").get<std::string>(), f.at("bytes").get<int64_t>(),
                              f.at("xxh3").get<std::string>()});
  }
  return contents;
}

TrainState read_state(const fs::path& path) {
  const nlohmann::json json = io::read_json(path);
  try {
    TrainState s;
    s.step = json.at("step").get<int64_t>();
    s.tokens = json.at("tokens").get<int64_t>();
    s.windows = json.at("data").at("cursor").get<int64_t>();
    s.corpus_tokens = json.at("data").at("tokens").get<int64_t>();
    s.train_data = read_contents(json.at("data"), "train");
    s.validation_data = read_contents(json.at("data"), "validation");
    s.seed = json.at("random").at("seed").get<uint64_t>();
    return s;
  } catch (const nlohmann::json::exception&) {
    fail(ErrorCode::input, {path.string(), "the numbers of a training state", "JSON without them",
                            "remove this checkpoint to resume from the one before"});
  }
}

// To go on, a checkpoint must be whole: one that was copied in part is named with what it lacks.
void check_whole(const fs::path& checkpoint) {
  for (const char* file : {"model.safetensors", "optimizer.safetensors", "state.json"}) {
    std::error_code ignored;
    if (fs::is_regular_file(checkpoint / file, ignored)) continue;
    fail(
        ErrorCode::input,
        {checkpoint.string(), "a checkpoint to go on from", std::string("one without ") + file,
         "was the run copied in part? copy it again, or remove this folder to use the one before"});
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

DataContents contents_of(std::span<const Corpus> texts) {
  DataContents contents;
  for (const Corpus& text : texts) {
    contents.files.insert(contents.files.end(), text.contents().begin(), text.contents().end());
  }
  if (contents.files.empty()) return contents;
  io::ContentHash hash;
  for (const DataFile& f : contents.files) hash.add(fmt::format("{} {}\n", f.bytes, f.hash));
  contents.hash = hash.hex();
  if (contents.files.size() > kMostListed) contents.files.clear();
  return contents;
}

std::string difference(const DataContents& before, const DataContents& now) {
  if (before.hash.empty() || before.hash == now.hash) return "";
  if (before.files.empty() || now.files.empty()) return "files of other content";
  const size_t both = std::min(before.files.size(), now.files.size());
  for (size_t i = 0; i < both; ++i) {
    const DataFile &a = before.files[i], &b = now.files[i];
    // Hashes of all and of samples say nothing about each other; another file made the difference.
    const bool comparable = a.hash.starts_with(kSampledHash) == b.hash.starts_with(kSampledHash);
    if (a.bytes == b.bytes && (a.hash == b.hash || !comparable)) continue;
    const std::string path = io::to_utf8(b.path);
    if (a.path != path) return fmt::format("{} in the place of {}", path, a.path);
    if (a.bytes == b.bytes) return path + " with other content";
    return fmt::format("{} of {} bytes, not {}", path, b.bytes, a.bytes);
  }
  return now.files.size() > both ? io::to_utf8(now.files[both].path) + " beside them"
                                 : "data without " + before.files[both].path;
}

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
  check_whole(checkpoint);
  const fs::path config = checkpoint / "config.json";
  const ModelConfig stored = config_from_json(io::read_json(config), config.string(), axes);
  if (!(write_model(stored) == write_model(model.config))) {
    fail(ErrorCode::input, {config.string(), "the model of the run", "another model",
                            "was the checkpoint copied here?"});
  }
  TrainState state = read_state(checkpoint / "state.json");
  load_weights(checkpoint, model.config, model.parameters);
  const auto file = io::SafeTensors::open(checkpoint / "optimizer.safetensors");
  for (const OptimizerTensor& t : optimizer.state()) file.read(t.name, t.tensor);
  return state;
}

}  // namespace weft
