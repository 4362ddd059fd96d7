// Where the heads of each tap lie while a graph is being built.
#pragma once

#include <map>
#include <vector>

#include "attention/attention.h"
#include "model/builder.h"
#include "model/layout.h"
#include "program/coverage.h"
#include "program/graph.h"

namespace weft {

/// The heads of every tap built so far.
class Taps {
 public:
  std::vector<HeadPlace>& operator[](Tap tap) { return heads_[tap]; }
  const std::vector<HeadPlace>& at(Tap tap) const { return heads_.at(tap); }
  /// The heads of each of these, whose values the program keeps. Throws Error(usage) at one that
  /// the model does not have.
  std::vector<std::vector<HeadPlace>> keep(const std::vector<Tap>& taps, Graph& graph) const;
  /// All `count` heads of `width` columns of one value, side by side.
  static std::vector<HeadPlace> of(ValueId value, int count, int64_t width);

 private:
  std::map<Tap, std::vector<HeadPlace>> heads_;
};

/// Collects the distinct values that the heads of an op lie in, and which of their columns it uses.
class InputList {
 public:
  HeadRef head(const HeadPlace& place, int64_t width);
  int whole(ValueId value);
  /// The uses, with column ranges where an op reads a value in part.
  std::vector<Use> uses(const Graph& graph) const;

 private:
  int index_of(ValueId value);
  std::vector<ValueId> values_;
  std::vector<Coverage> columns_;
};

}  // namespace weft
