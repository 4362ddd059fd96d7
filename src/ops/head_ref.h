// Where a head lies among the inputs of an op.
#pragma once

#include <cstdint>

namespace weft {

/// An input of the op and the first of the head's columns there (a tensor [rows, width]), or the
/// number of the head there (a cache).
struct HeadRef {
  int input = 0;
  int64_t column = 0;
  bool operator==(const HeadRef&) const = default;
};

}  // namespace weft
