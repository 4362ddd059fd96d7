#include "data/tasks/task_file.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "io/atomic.h"
#include "io/json.h"

namespace weft {
namespace {

using nlohmann::json;

std::optional<Arg> to_arg(const json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_integer()) return value.get<int64_t>();
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  std::vector<int64_t> list;
  for (const json& element : value) {
    if (!element.is_number_integer()) return {};
    list.push_back(element.get<int64_t>());
  }
  return value.is_array() ? std::optional<Arg>(list) : std::nullopt;
}

}  // namespace

void write_task(const io::Path& path, const TaskSettings& settings) {
  json args = json::object();
  for (const auto& [name, arg] : settings.args.values()) {
    std::visit([&, &key = name](const auto& value) { args[key] = value; }, arg);
  }
  io::write_atomic(path, io::to_json_text({{"task", settings.name}, {"task_args", args}}));
}

TaskSettings read_task(const io::Path& path, const TaskRegistry& tasks) {
  const json file = io::read_json(path);
  const auto refuse = [&](const std::string& got) {
    fail(ErrorCode::input, {path.string(), R"({"task": NAME, "task_args": {...}})", got, ""});
  };
  if (!file.is_object() || !file.contains("task") || !file["task"].is_string() ||
      !file.contains("task_args") || !file["task_args"].is_object()) {
    refuse("other JSON");
  }
  std::map<std::string, Arg> given;
  for (const auto& [name, value] : file["task_args"].items()) {
    const std::optional<Arg> arg = to_arg(value);
    if (!arg) refuse("a strange \"" + name + "\"");
    given[name] = *arg;
  }
  return configure_task(file["task"].get<std::string>(), given, path.string() + ": task_args",
                        tasks);
}

}  // namespace weft
