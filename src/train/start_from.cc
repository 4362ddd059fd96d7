#include "train/start_from.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/tokenizer.h"
#include "io/json.h"
#include "model/config_json.h"
#include "model/config_toml.h"

namespace weft {
namespace {

std::string text_of(const io::Value* value) {
  if (value == nullptr) return "none";
  if (value->is<io::Value::Table>() || value->is<io::Value::Array>()) {
    return std::string(value->kind());
  }
  if (const auto* s = value->as<std::string>()) return "\"" + *s + "\"";
  if (const auto* b = value->as<bool>()) return *b ? "true" : "false";
  if (const auto* i = value->as<int64_t>()) return std::to_string(*i);
  return fmt::format("{}", *value->as<double>());
}

// Keys that a change of this one makes void.
void drop_arguments(io::Value& model, const std::string& key) {
  if (key != "mechanism" && key != "position" && key != "wiring") return;
  std::erase_if(*model.as<io::Value::Table>(),
                [&](const io::Field& f) { return f.key == key + "_args"; });
}

void merge(io::Value& into, const io::Value& from) {
  const auto* table = from.as<io::Value::Table>();
  if (table == nullptr || !into.is<io::Value::Table>()) {
    into = from;
    return;
  }
  for (const io::Field& field : *table) merge(into.at(field.key), field.value);
}

// One wiring may be named without a list.
io::Value as_written(const io::Field& given) {
  if (given.key != "wiring" || !given.value.is<std::string>()) return given.value;
  return {io::Value::Array{given.value}, given.value.line};
}

// What the model says, with one key as it was given, must come to the same.
void check_key(const io::Value& theirs, const io::Field& given, const std::string& model,
               std::string_view file, const Axes& axes) {
  io::Value changed = theirs;
  const io::Value* before = theirs.find(given.key);
  const io::Value value = as_written(given);
  if (before == nullptr || !(*before == value)) drop_arguments(changed, given.key);
  merge(changed.at(given.key), value);
  const io::Value read = write_model(read_model(changed, file, axes));
  if (given.key == "context" || first_difference(theirs, read).empty()) return;
  const std::string place = file.empty() ? "config" : std::string(file);
  fail(ErrorCode::config,
       {place + ": model." + given.key, text_of(before) + " as in " + model, text_of(&given.value),
        "a run starts from weights of its own sizes and design; leave it out"});
}

// [model] as the weights have it; what was given of it stays only where it may differ.
io::Value model_of(const io::Value* given, const io::Path& checkpoint, std::string_view file,
                   const Axes& axes) {
  const io::Path config = checkpoint / "config.json";
  io::Value model = write_model(config_from_json(io::read_json(config), config.string(), axes));
  if (given == nullptr) return model;
  if (const auto* table = given->as<io::Value::Table>()) {
    for (const io::Field& field : *table) {
      check_key(model, field, checkpoint.string(), file, axes);
    }
    if (const io::Value* context = given->find("context")) model.at("context") = *context;
  }
  return model;
}

// A folder without a tokenizer holds whatever the data is; one with another's ids cannot be
// continued on bytes.
void check_tokenizer(const RunConfig& config, const io::Path& checkpoint) {
  const io::Path path = checkpoint / "tokenizer.json";
  std::error_code ignored;
  if (config.data.is_task() || !std::filesystem::exists(path, ignored)) return;
  const std::string name(read_tokenizer(path)->name());
  if (name == config.data.tokenizer) return;
  fail(ErrorCode::config, {"config: data.tokenizer", name + ", that of " + checkpoint.string(),
                           config.data.tokenizer});
}

}  // namespace

RunConfig fresh_run_config(const std::string& source, const std::vector<io::Override>& overrides,
                           const std::string& from, const Axes& axes, const TaskRegistry& tasks) {
  std::string file;
  io::Value root = load_run_tree(source, overrides, file);
  const io::Value* train = root.find("train");
  const io::Value* stored = train == nullptr ? nullptr : train->find("from");
  std::string path = from;
  if (path.empty() && stored != nullptr && stored->is<std::string>()) {
    path = *stored->as<std::string>();
  }
  if (path.empty()) return read_run_config(root, file, axes, tasks);
  const io::Path checkpoint = find_checkpoint(path);
  root.at("model") = model_of(root.find("model"), checkpoint, file, axes);
  io::set_path(root, {"train", "from"}, {checkpoint.string(), 0});
  RunConfig config = read_run_config(root, file, axes, tasks);
  check_tokenizer(config, checkpoint);
  return config;
}

void start_from(const io::Path& checkpoint, Model& model) {
  load_weights(checkpoint, model.config, model.parameters);
}

}  // namespace weft
