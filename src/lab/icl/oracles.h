// Everything that is known exactly of the lab's models, checked on this machine: each value is
// computed by one route and predicted by another that shares nothing with it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft::icl {

struct Oracle {
  std::string name;
  double value = 0, prediction = 0;
  double limit = 0;  ///< on their difference; of sampled values four standard errors
  std::string by;    ///< how the value came about, and the prediction

  double difference() const { return value - prediction; }
  bool holds() const { return difference() <= limit && -difference() <= limit; }
};

/// A fact with its oracles.
struct OracleGroup {
  std::string_view id, what;
  std::vector<Oracle> (*run)();
};

/// O1 to O11, and the construction of 2212.07677. All of them together take a few seconds, and give
/// the same numbers every time.
std::span<const OracleGroup> oracle_groups();

}  // namespace weft::icl
