// Told of every piece of work as soon as it is done: for profiles. Without one, execution runs
// blind.
#pragma once

#include <string_view>

#include "program/planner.h"

namespace weft {

class Observer {
 public:
  virtual ~Observer() = default;
  /// An action of a program.
  virtual void ran(const Graph& graph, const Action& action) = 0;
  /// Work outside of programs ("optimizer"), over so many bytes read and written.
  virtual void ran(std::string_view part, double bytes) = 0;
};

}  // namespace weft
