#include "data/tasks/draws.h"

#include <utility>

namespace weft {

void shuffle(Draws& draws, Strided ids) noexcept {
  for (int64_t i = ids.count - 1; i > 0; --i) std::swap(ids[i], ids[draws.below(i + 1)]);
}

// Floyd's sampling: a set of exactly `count` draws, which needs no list of the whole range. It is
// unordered, hence the shuffle.
void draw_distinct(Draws& draws, int64_t first, int64_t range, Strided ids) noexcept {
  const auto holds = [&](int64_t n, int64_t id) {
    for (int64_t i = 0; i < n; ++i) {
      if (ids[i] == id) return true;
    }
    return false;
  };
  for (int64_t i = 0; i < ids.count; ++i) {
    const int64_t newest = first + range - ids.count + i;
    const int64_t drawn = first + draws.below(newest - first + 1);
    ids[i] = static_cast<int32_t>(holds(i, drawn) ? newest : drawn);
  }
  shuffle(draws, ids);
}

void draw_ids(Draws& draws, int64_t first, int64_t range, std::span<int32_t> ids) noexcept {
  for (int32_t& id : ids) id = static_cast<int32_t>(first + draws.below(range));
}

}  // namespace weft
