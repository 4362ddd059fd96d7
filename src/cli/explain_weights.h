// What `weft explain` says about the weights of a run or model folder.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "io/file.h"
#include "model/trained_gains.h"

namespace weft::cli {

struct StoredWeights {
  io::Path file;
  bool hashes = false;  ///< false: another program wrote it
  std::vector<TrainedGain> gains;
};

/// Nothing where the folder has no checkpoint yet. Throws Error(input) as open_weights and
/// trained_gains.
std::optional<StoredWeights> read_stored_weights(const std::string& folder, const Layout& layout);

std::string weights_text(const StoredWeights& weights);
/// Puts "weights" (file, hash: "xxh3" or null) and "gains" (name, shape, values, rows) into a
/// document.
void add_weights(const StoredWeights& weights, nlohmann::json& document);

}  // namespace weft::cli
