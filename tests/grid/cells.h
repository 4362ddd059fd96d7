// The cells of the grid: the cross product of what is registered.
#pragma once

#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "lab/checks/runner.h"
#include "model/config.h"

namespace weft::grid {

struct Cell {
  std::string name;  ///< "stick-breaking.inclusive-true.none.skip-kv.gqa", letters that ctest likes
  ModelConfig config;
};
inline void PrintTo(const Cell& cell, std::ostream* out) {
  *out << cell.name;
}

using checks::kBatch;
using checks::kTime;
using checks::random_tokens;
using checks::Runner;

/// A plain model of 4 layers of 4 heads of 4 channels: no wiring, softmax, rope.
ModelConfig plain_config(int64_t kv_heads = 4);
/// The configuration with this mechanism / position in every layer, or these wirings.
ModelConfig with_mechanism(ModelConfig config, const std::string& name,
                           const std::map<std::string, Arg>& args = {});
ModelConfig with_position(ModelConfig config, const std::string& name);
ModelConfig with_wiring(ModelConfig config, const std::string& name,
                        const std::map<std::string, Arg>& args = {});
/// Blocks first to last run `repeats` times; the layers are those of the blocks.
ModelConfig with_loop(ModelConfig config, const LoopConfig& loop);

/// A combination that no model can have, and what the program says to it.
struct Rejection {
  std::string name;
  std::string reason;
};

struct Enumeration {
  std::vector<Cell> cells;
  std::vector<Rejection> rejections;
};

/// Every mechanism x position x wiring with full and grouped heads in turn; wirings in pairs and
/// triples; windows; layers that differ; few layers and few heads; loops; own mixes. Variants
/// change one argument at a time, as declared in the registries: what is registered cannot escape.
Enumeration enumerate();
/// Of those the ones that are accepted.
std::vector<Cell> all_cells();
/// Of those every one that is the first with a mechanism at a position, or with a wiring, arguments
/// included: for what would take too long on all.
std::vector<Cell> sample_cells();

}  // namespace weft::grid
