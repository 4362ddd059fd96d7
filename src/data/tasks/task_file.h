// task.json: what a model trained on a task has in place of a tokenizer.
#pragma once

#include "data/tasks/task.h"
#include "io/file.h"

namespace weft {

/// Writes the task's name and all its arguments atomically.
void write_task(const io::Path& path, const TaskSettings& settings);
/// Reads it back. Throws Error(input) where the file is no such JSON, Error(config) at a task or an
/// argument that is not known.
TaskSettings read_task(const io::Path& path, const TaskRegistry& tasks = {});

}  // namespace weft
