// The keys of a configuration as a list: for suggestions and for completion in a shell.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/value.h"

namespace weft {

/// "model.dim", "train.lr", ...: every key with a value of its own, in the order of a resolved
/// configuration. Arguments of mechanisms, positions, wirings and tasks are not among them.
const std::vector<std::string>& config_keys();

/// The key whose last part `word` is, or is called by in other programs: "train.lr" for "lr",
/// "learning-rate" and "model.lr"; a key for itself. "" where there is none.
std::string key_called(std::string_view word);

/// Throws Error(config) at a key of [model], [data], [train], or beside them, that stands in
/// another of the three. Other unknown keys are left to those who read the tables.
void refuse_misplaced_keys(const io::Value& root, std::string_view file);

}  // namespace weft
