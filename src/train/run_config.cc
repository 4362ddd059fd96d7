#include "train/run_config.h"

#include <filesystem>
#include <utility>

#include "base/args.h"
#include "base/error.h"
#include "model/config_toml.h"
#include "model/designs.h"
#include "model/table_reader.h"
#include "train/config_keys.h"
#include "train/run_data.h"

namespace weft {
namespace {

// A table of the configuration; an empty one where it is not there.
const io::Value& table_or_empty(const io::Value* table) {
  static const io::Value empty;
  return table != nullptr ? *table : empty;
}

[[noreturn]] void refuse_source(const std::string& source) {
  std::error_code ignored;
  const bool folder = std::filesystem::is_directory(source, ignored);
  const bool path = source.find('/') != std::string::npos || source.ends_with(".toml");
  if (folder || path) {
    fail(ErrorCode::input, {source, "a configuration file or the name of a design",
                            folder ? "a folder" : "no such file"});
  }
  const std::string key = key_called(source.substr(0, source.find('=')));
  const bool setting = source.find('=') != std::string::npos && !key.empty();
  fail(ErrorCode::input,
       {source, "a configuration file or the name of a design", "neither",
        setting ? "did you mean --set " + key + source.substr(source.find('=')) + "?"
                : suggestion(source, design_names())});
}

io::Value source_tree(const std::string& source, std::string& file) {
  std::error_code ignored;
  const bool exists = std::filesystem::is_regular_file(source, ignored);
  if (exists && (!is_design(source) || source.ends_with(".toml"))) {
    file = source;
    return io::read_toml(source);
  }
  if (!is_design(source)) refuse_source(source);
  io::Value root;
  root.at("model").at("design").data = source;
  return root;
}

}  // namespace

RunConfig read_run_config(const io::Value& root, std::string_view file, const Axes& axes,
                          const TaskRegistry& tasks) {
  TableReader table(root, file, "");
  const io::Value *model = table.take("model"), *data = table.take("data"),
                  *train = table.take("train");
  refuse_misplaced_keys(root, file);
  table.finish();
  RunConfig config{read_model(table_or_empty(model), file, axes),
                   read_data_config(table_or_empty(data), file, tasks),
                   read_train_config(table_or_empty(train), file)};
  if (config.data.is_task()) check_task(config, tasks);
  return config;
}

RunConfig load_run_config(const std::string& source, const std::vector<io::Override>& overrides,
                          const Axes& axes, const TaskRegistry& tasks) {
  std::string file;
  io::Value root = source_tree(source, file);
  for (const io::Override& o : overrides) io::set_path(root, o.path, o.value);
  return read_run_config(root, file, axes, tasks);
}

io::Value write_run_config(const RunConfig& config) {
  io::Value root;
  root.at("model") = write_model(config.model);
  root.at("data") = write_data_config(config.data);
  root.at("train") = write_train_config(config.train);
  return root;
}

std::string first_difference(const io::Value& a, const io::Value& b) {
  const auto *left = a.as<io::Value::Table>(), *right = b.as<io::Value::Table>();
  if (left == nullptr || right == nullptr) return {};
  const auto below = [](const std::string& key, const io::Value& x, const io::Value& y) {
    const std::string rest = first_difference(x, y);
    return rest.empty() ? key : key + "." + rest;
  };
  for (const io::Field& field : *left) {
    const io::Value* other = b.find(field.key);
    if (other == nullptr) return field.key;
    if (!(field.value == *other)) return below(field.key, field.value, *other);
  }
  for (const io::Field& field : *right) {
    if (a.find(field.key) == nullptr) return field.key;
  }
  return {};
}

}  // namespace weft
