#include "program/memory.h"

#include <algorithm>
#include <numeric>

namespace weft {
namespace {

constexpr size_t kAlign = 64;
size_t aligned(size_t n) {
  return (n + kAlign - 1) / kAlign * kAlign;
}

}  // namespace

size_t place(std::vector<Lifetime>& buffers) {
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return buffers[a].bytes > buffers[b].bytes; });
  size_t total = 0;
  std::vector<size_t> placed;  // by offset
  for (const size_t i : order) {
    Lifetime& b = buffers[i];
    size_t at = 0;
    for (const size_t j : placed) {
      const Lifetime& other = buffers[j];
      if (!b.overlaps(other)) continue;
      if (at + aligned(b.bytes) <= other.offset) break;  // fits into the gap below
      at = std::max(at, other.offset + aligned(other.bytes));
    }
    b.offset = at;
    total = std::max(total, at + aligned(b.bytes));
    const auto where = std::upper_bound(placed.begin(), placed.end(), at,
                                        [&](size_t v, size_t j) { return v < buffers[j].offset; });
    placed.insert(where, i);
  }
  return total;
}

size_t peak(const std::vector<Lifetime>& buffers) {
  int actions = 0;
  for (const Lifetime& b : buffers) actions = std::max(actions, b.last + 1);
  std::vector<int64_t> change(static_cast<size_t>(actions) + 1);
  for (const Lifetime& b : buffers) {
    if (b.last < b.first) continue;
    change[static_cast<size_t>(b.first)] += static_cast<int64_t>(aligned(b.bytes));
    change[static_cast<size_t>(b.last) + 1] -= static_cast<int64_t>(aligned(b.bytes));
  }
  int64_t now = 0, most = 0;
  for (const int64_t c : change) most = std::max(most, now += c);
  return static_cast<size_t>(most);
}

}  // namespace weft
