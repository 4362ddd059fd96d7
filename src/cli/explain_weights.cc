#include "cli/explain_weights.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/model.h"
#include "model/weights_file.h"

namespace weft::cli {

std::optional<StoredWeights> read_stored_weights(const std::string& folder, const Layout& layout) {
  io::Path checkpoint;
  try {
    checkpoint = find_checkpoint(folder);
  } catch (const Error&) {
    return {};  // a run that has none yet
  }
  const io::SafeTensors file = open_weights(checkpoint);
  return StoredWeights{file.path(), file.has_hashes(), trained_gains(file, layout)};
}

std::string weights_text(const StoredWeights& weights) {
  return fmt::format("\nweights  {}\n  {}\n", weights.file.string(),
                     weights.hashes ? "with a hash of every tensor, compared when it is read"
                                    : "without hashes: another program wrote it, and bytes that "
                                      "change go unnoticed") +
         gains_text(weights.gains);
}

void add_weights(const StoredWeights& weights, nlohmann::json& document) {
  using nlohmann::json;
  document["weights"] = {{"file", weights.file.string()},
                         {"hash", weights.hashes ? json("xxh3") : json()}};
  json list = json::array();
  for (const TrainedGain& gain : weights.gains) {
    std::vector<int64_t> shape;
    for (int i = 0; i < gain.shape.rank(); ++i) shape.push_back(gain.shape[i]);
    json rows = json::array();
    std::vector<double> values;
    for (const TrainedGain::Row& row : gain.rows) {
      rows.push_back({{"to", row.to}, {"values", row.values}});
      values.insert(values.end(), row.values.begin(), row.values.end());
    }
    list.push_back(
        {{"name", gain.name}, {"shape", shape}, {"values", values}, {"rows", std::move(rows)}});
  }
  document["gains"] = std::move(list);
}

}  // namespace weft::cli
