// The rotary positions of another program's config.json.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

namespace weft {

/// The base of the rotary angles: of `rope_parameters` (transformers 5) or `rope_theta`, which may
/// stand in `rope_scaling` too; nothing where the file does not say. Throws Error(config) where two
/// of them disagree, where angles are scaled (saying how), and at wrong types and values.
std::optional<double> rope_base(const nlohmann::json& config, std::string_view where);

}  // namespace weft
