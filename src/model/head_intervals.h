// Heads that no mix tells apart. The working form of wirings (head_rules.h) keeps one rule for each
// interval of them, under its first head, so that its size does not grow with the number of heads.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "model/head_rules.h"

namespace weft {

class HeadIntervals {
 public:
  /// Bounds of heads out of range are ignored; spread() refuses them.
  HeadIntervals(const ModelConfig& config, const std::vector<Wiring>& wirings);

  /// The first heads of the intervals of a port of a layer, ascending, and the number of heads.
  const std::vector<int>& edges(Port port, int layer) const;
  /// The first head of the interval that holds `head`.
  int start(Port port, int layer, int head) const;
  /// The head after the last of the interval that starts at `first`.
  int end(Port port, int layer, int first) const;
  /// The interval of a source that feeds the one of a destination: the same heads, but into o, a kv
  /// head feeds the query heads of its group.
  int source_head(const HeadTap& destination, const Tap& source) const;

 private:
  const ModelConfig& config_;
  std::vector<int> whole_ = {0, 1};             // x and y have one head
  std::vector<int> query_;                      // q and o
  std::map<int64_t, std::vector<int>> key_of_;  // k and v, by the number of kv heads
};

}  // namespace weft
