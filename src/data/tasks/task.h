// What a synthetic task is to the rest of the program, and the registry of them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/args.h"
#include "data/tasks/draws.h"

namespace weft {

/// Makes sequences of one length.
class Task {
 public:
  virtual ~Task() = default;
  /// Writes one sequence: tokens [length], and labels [length], of which those that are not scored
  /// are kNoLabel. The same draws give the same sequence.
  virtual void fill(Draws& draws, std::span<int32_t> tokens,
                    std::span<int32_t> labels) const noexcept = 0;
};

struct TaskSizes {
  int64_t vocab = 0;   ///< ids are below it
  int64_t length = 0;  ///< tokens of a sequence
};

struct TaskInfo {
  std::string_view name;
  std::string_view source;
  std::string_view what;          ///< one line
  std::span<const ArgSpec> args;  ///< beside those of every task: `length` and `validation`
  /// Throws Error(config) where the arguments do not go with the sizes.
  std::unique_ptr<Task> (*make)(const Args& args, TaskSizes sizes);
};

/// The tasks that a program knows: those of the library, and what it adds itself.
class TaskRegistry {
 public:
  TaskRegistry();
  /// `info` must outlive the registry. Throws Error(usage) where the name is taken.
  void add(const TaskInfo& info);
  /// Throws Error(config) with the nearest name.
  const TaskInfo& find(std::string_view name) const;
  std::span<const TaskInfo* const> all() const { return infos_; }

 private:
  std::vector<const TaskInfo*> infos_;
};

/// A task and its checked arguments; plain data.
struct TaskSettings {
  std::string name;
  Args args;

  /// Tokens of a sequence: the argument `length`, or the model's context where it is 0.
  int64_t length(int64_t context) const;
  bool has(std::string_view arg) const { return args.values().contains(arg); }
  /// The same with one argument changed. Throws Error(config) where it has no such argument.
  TaskSettings with(const std::string& arg, Arg value, const TaskRegistry& tasks = {}) const;
  bool operator==(const TaskSettings&) const = default;
};

/// `where`: of the arguments, for messages ("x.toml:3: data.task_args"). Throws Error(config) at
/// an unknown task or argument, or a value out of range.
TaskSettings configure_task(const std::string& name, const std::map<std::string, Arg>& given,
                            std::string_view where = "data.task_args",
                            const TaskRegistry& tasks = {});
/// Throws Error(config) where the task does not go with the sizes.
std::unique_ptr<Task> make_task(const TaskSettings& settings, TaskSizes sizes,
                                const TaskRegistry& tasks = {});

}  // namespace weft
