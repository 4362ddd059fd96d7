// The [[model.mix]] tables of a configuration, read and written.
#pragma once

#include <string_view>
#include <vector>

#include "io/value.h"
#include "model/config.h"

namespace weft {

/// `tables`: the value of model.mix; `file` for messages. Throws Error(config) naming table and
/// key.
std::vector<MixConfig> read_mixes(const io::Value& tables, std::string_view file);
/// The tables as they were given: a key with its default is left out.
io::Value::Array write_mixes(const std::vector<MixConfig>& mixes);

}  // namespace weft
