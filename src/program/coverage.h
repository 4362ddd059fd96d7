// Which columns of a gradient have been written so far.
#pragma once

#include <vector>

#include "program/graph.h"

namespace weft {

/// A set of columns, kept as sorted disjoint ranges.
class Coverage {
 public:
  bool empty() const { return ranges_.empty(); }
  const std::vector<Columns>& ranges() const { return ranges_; }
  void insert(Columns c);
  /// The parts of c that are not in the set.
  std::vector<Columns> gaps(Columns c) const;

 private:
  std::vector<Columns> ranges_;
};

}  // namespace weft
