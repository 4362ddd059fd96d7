// The cells of the grid: the cross product of what is registered.
#pragma once

#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "model/config.h"

namespace weft::grid {

struct Cell {
  std::string name;  ///< "stick-breaking.inclusive-true.none.skip-kv.gqa", letters that ctest likes
  ModelConfig config;
};
inline void PrintTo(const Cell& cell, std::ostream* out) {
  *out << cell.name;
}

/// Sizes of every cell: batch 2, 9 tokens, 4 layers of 4 heads of 4 channels.
inline constexpr int64_t kBatch = 2, kTime = 9;

/// A plain model: no wiring, softmax, rope.
ModelConfig plain_config(int64_t kv_heads = 4);
/// The configuration with this mechanism / position in every layer, or these wirings.
ModelConfig with_mechanism(ModelConfig config, const std::string& name,
                           const std::map<std::string, Arg>& args = {});
ModelConfig with_position(ModelConfig config, const std::string& name);
ModelConfig with_wiring(ModelConfig config, const std::string& name,
                        const std::map<std::string, Arg>& args = {});

/// Every mechanism variant x position x wiring variant, with full and grouped heads in turn; wiring
/// pairs that compose; windows; layers that differ. Variants change one argument at a time through
/// all its choices, as declared in the registries: what is registered cannot escape.
std::vector<Cell> all_cells();

}  // namespace weft::grid
