// The keys of other programs' config.json: what each does to a Llama model.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace weft {

/// Every key of `config` is one that is read, one without influence on what the model computes, or
/// one that has the value under which it has none. Throws Error(config) at `where`: key, for any
/// other with what it would change, for a key that is not in the list with the nearest that is, and
/// for a null where the key must say something. Keys that begin with "weft" are our own.
void check_foreign_keys(const nlohmann::json& config, std::string_view where);

/// Throws Error(config) where `architectures` and `model_type` name another family than Llama's
/// causal language model, saying what would be misread.
void check_family(const nlohmann::json& config, std::string_view where);

/// "true", "0.5", "\"silu\"", "a list": a value of a configuration, for messages.
std::string spelled(const nlohmann::json& value);

}  // namespace weft
