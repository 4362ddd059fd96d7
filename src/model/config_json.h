// config.json: the keys of the Hugging Face Llama family, and the whole configuration under "weft".
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/dtype.h"
#include "model/axes.h"
#include "model/config.h"

namespace weft {

/// `dtype`: of the stored weights (f64, f32 or bf16). A design that is a plain Llama says so, so
/// that other programs open it; any other names an architecture of its own.
nlohmann::json config_to_json(const ModelConfig& config, DType dtype);

/// Why transformers refuses to open a checkpoint of this configuration though it is a plain Llama;
/// "" where it does not, or where the design has to be converted anyway.
std::string refused_elsewhere(const ModelConfig& config);

/// Reads what config_to_json wrote, or (without "weft") a Llama configuration of another program,
/// in which what is absent has that family's default. `where` is for messages. Throws
/// Error(config): keys missing or of the wrong type, a feature that the design does not have
/// (saying what it would change), a key whose effect is not known, and keys around "weft" that say
/// something else than it does.
ModelConfig config_from_json(const nlohmann::json& json, std::string_view where,
                             const Axes& axes = Axes());

}  // namespace weft
