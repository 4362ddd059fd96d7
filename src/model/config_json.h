// config.json: the keys of the Hugging Face Llama family, and the whole configuration under "weft".
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "base/dtype.h"
#include "model/axes.h"
#include "model/config.h"

namespace weft {

/// `dtype`: of the stored weights (f64, f32 or bf16). A design that is a plain Llama says so, so
/// that other programs open it; any other names an architecture of its own.
nlohmann::json config_to_json(const ModelConfig& config, DType dtype);

/// Reads what config_to_json wrote, or (without "weft") a Llama configuration of another program.
/// `where` is for messages. Throws Error(config): keys missing or of the wrong type, a feature that
/// the design does not have (biases, rotary scaling, another activation).
ModelConfig config_from_json(const nlohmann::json& json, std::string_view where,
                             const Axes& axes = Axes());

}  // namespace weft
