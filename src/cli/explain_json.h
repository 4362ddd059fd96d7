// What `weft explain --json` says.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "model/explain.h"
#include "train/memory.h"

namespace weft::cli {

/// One JSON document. `cached`: the type of the cache. Other tools rely on parameters.total,
/// kv_cache.bytes_per_token, kv_cache.fixed_bytes, flops_per_token and memory.peak_bytes.
nlohmann::json explain_json(const ModelConfig& config, const Layout& layout, const Explanation& e,
                            const MemoryPlan& memory, DType cached);

}  // namespace weft::cli
