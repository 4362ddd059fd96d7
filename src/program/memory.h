// Placing buffers with known lifetimes into one arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weft {

/// A buffer that is in use from action `first` to action `last`, both included.
struct Lifetime {
  size_t bytes = 0;
  int first = 0, last = -1;
  size_t offset = 0;  ///< the result, 64-byte aligned

  bool overlaps(const Lifetime& other) const { return first <= other.last && other.first <= last; }
};

/// Chooses offsets such that no two buffers in use at the same time overlap; largest first, each at
/// the lowest place that is free for all its life. Returns the size of the arena.
size_t place(std::vector<Lifetime>& buffers);
/// The most bytes in use at one time: no placement can do with less.
size_t peak(const std::vector<Lifetime>& buffers);

}  // namespace weft
