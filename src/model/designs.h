// Named designs: a choice on the three axes, and how many kv heads go with it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft {

struct Design {
  std::string_view name;
  std::string_view
      family;  ///< "plain", "grouped heads", "cross-layer wiring", "mechanism", "position"
  std::string_view source;   ///< where it was published: an arXiv id
  std::string_view summary;  ///< one line
  std::string_view mechanism = "softmax";
  std::string_view position = "rope";
  std::vector<std::string_view> wiring = {};
  /// From the number of query heads; null: as many.
  int64_t (*kv_heads)(int64_t heads) = nullptr;
};

std::span<const Design> designs();
/// Throws Error(config) with the nearest name.
const Design& find_design(std::string_view name);
bool is_design(std::string_view name);
std::vector<std::string> design_names();

}  // namespace weft
