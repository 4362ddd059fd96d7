#include "base/error.h"
#include "data/tasks/copy.h"
#include "data/tasks/induction.h"
#include "data/tasks/mqar.h"
#include "data/tasks/mqrar.h"
#include "data/tasks/task.h"

namespace weft {
namespace {

// 2^20 tokens need fewer than the 2^24 draws that a sequence has.
constexpr double kLongest = 1 << 20;

const ArgSpec kArgsOfEveryTask[] = {
    {.name = "length",
     .fallback = int64_t{0},
     .help = "tokens of a sequence; 0: model.context",
     .least = 0,
     .most = kLongest},
    {.name = "validation",
     .fallback = int64_t{1000},
     .help = "sequences of the validation set; 0: none",
     .least = 0,
     .most = 1e9},
};

std::vector<ArgSpec> args_of(const TaskInfo& info) {
  std::vector<ArgSpec> args(std::begin(kArgsOfEveryTask), std::end(kArgsOfEveryTask));
  args.insert(args.end(), info.args.begin(), info.args.end());
  return args;
}

}  // namespace

TaskRegistry::TaskRegistry() {
  add(kMqar);
  add(kMqrar);
  add(kInduction);
  add(kCopy);
}

void TaskRegistry::add(const TaskInfo& info) {
  for (const TaskInfo* known : infos_) {
    if (known->name == info.name) {
      fail(ErrorCode::usage, {"tasks", "a new name", std::string(info.name), ""});
    }
  }
  infos_.push_back(&info);
}

const TaskInfo& TaskRegistry::find(std::string_view name) const {
  std::vector<std::string> names;
  for (const TaskInfo* info : infos_) {
    if (info->name == name) return *info;
    names.emplace_back(info->name);
  }
  fail(ErrorCode::config, {"config: data.task", "a known task", "\"" + std::string(name) + "\"",
                           suggestion(name, names)});
}

int64_t TaskSettings::length(int64_t context) const {
  const int64_t given = args.integer("length");
  return given == 0 ? context : given;
}

TaskSettings TaskSettings::with(const std::string& arg, Arg value,
                                const TaskRegistry& tasks) const {
  std::map<std::string, Arg> changed(args.values().begin(), args.values().end());
  changed[arg] = std::move(value);
  return configure_task(name, changed, "data.task_args", tasks);
}

TaskSettings configure_task(const std::string& name, const std::map<std::string, Arg>& given,
                            std::string_view where, const TaskRegistry& tasks) {
  return {name, Args(where, args_of(tasks.find(name)), given)};
}

std::unique_ptr<Task> make_task(const TaskSettings& settings, TaskSizes sizes,
                                const TaskRegistry& tasks) {
  if (sizes.length > static_cast<int64_t>(kLongest)) {
    fail(ErrorCode::config, {"config: data.task_args.length", "at most 1048576 tokens",
                             std::to_string(sizes.length), ""});
  }
  return tasks.find(settings.name).make(settings.args, sizes);
}

}  // namespace weft
