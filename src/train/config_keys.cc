#include "train/config_keys.h"

#include <algorithm>

#include "base/error.h"
#include "io/utf8.h"
#include "model/config_toml.h"
#include "model/table_reader.h"
#include "train/run_config.h"

namespace weft {
namespace {

void add_keys(const io::Value& table, const std::string& prefix, std::vector<std::string>& keys) {
  for (const io::Field& field : *table.as<io::Value::Table>()) {
    if (field.value.is<io::Value::Table>()) continue;  // arguments
    keys.push_back(prefix + field.key);
  }
}

std::vector<std::string> all_keys() {
  RunConfig config{design_config("transformer"), {}, {}};
  // Written only where they are set.
  config.model.loop.repeats = 2;
  config.data.binary = true;
  config.train.from = "MODEL";
  const io::Value root = write_run_config(config);
  std::vector<std::string> keys;
  add_keys(*root.find("model"), "model.", keys);
  add_keys(*root.find("model")->find("loop"), "model.loop.", keys);
  add_keys(*root.find("data"), "data.", keys);
  keys.emplace_back("data.task");
  add_keys(*root.find("train"), "train.", keys);
  return keys;
}

std::string_view last_part(std::string_view key) {
  const size_t dot = key.rfind('.');
  return dot == std::string_view::npos ? key : key.substr(dot + 1);
}

}  // namespace

const std::vector<std::string>& config_keys() {
  static const std::vector<std::string> keys = all_keys();
  return keys;
}

std::string key_called(std::string_view word) {
  const std::vector<std::string>& keys = config_keys();
  if (std::find(keys.begin(), keys.end(), word) != keys.end()) return std::string(word);
  std::string last(last_part(word));
  std::replace(last.begin(), last.end(), '-', '_');
  const std::string_view ours = key_elsewhere_called(last);
  const auto key = std::find_if(keys.begin(), keys.end(),
                                [&](const std::string& k) { return last_part(k) == ours; });
  return key == keys.end() ? std::string() : *key;
}

void refuse_misplaced_keys(const io::Value& root, std::string_view file) {
  const auto refuse = [&](const std::string& given, const io::Field& field) {
    const std::string key = key_called(field.key);
    if (key.empty() || key == given || key.rfind(given + ".", 0) == 0) return;
    // Another program's name of a key of the same table is explained by who reads that.
    if (key.substr(0, key.find('.')) == given.substr(0, given.find('.'))) return;
    const auto& keys = config_keys();
    if (std::find(keys.begin(), keys.end(), given) != keys.end()) return;
    fail(ErrorCode::config, {place_of(file, field.value.line, given), "a known key",
                             io::in_quotes(field.key), "did you mean \"" + key + "\"?"});
  };
  const auto* tables = root.as<io::Value::Table>();
  if (tables == nullptr) return;
  for (const io::Field& field : *tables) {
    const bool known = field.key == "model" || field.key == "data" || field.key == "train";
    // data.train and [train] are both right.
    if (!known) refuse(field.key, field);
    const auto* table = field.value.as<io::Value::Table>();
    if (!known || table == nullptr) continue;
    for (const io::Field& inner : *table) refuse(field.key + "." + inner.key, inner);
  }
}

}  // namespace weft
