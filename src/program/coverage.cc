#include "program/coverage.h"

#include <algorithm>

namespace weft {

void Coverage::insert(Columns c) {
  if (c.first >= c.last) return;
  std::vector<Columns> merged;
  for (const Columns& r : ranges_) {
    if (r.last < c.first || r.first > c.last) {
      merged.push_back(r);
    } else {
      c = {std::min(c.first, r.first), std::max(c.last, r.last)};
    }
  }
  merged.push_back(c);
  std::sort(merged.begin(), merged.end(),
            [](const Columns& a, const Columns& b) { return a.first < b.first; });
  ranges_ = std::move(merged);
}

std::vector<Columns> Coverage::gaps(Columns c) const {
  std::vector<Columns> out;
  int64_t at = c.first;
  for (const Columns& r : ranges_) {
    if (r.last <= at || r.first >= c.last) continue;
    if (r.first > at) out.push_back({at, r.first});
    at = std::max(at, r.last);
  }
  if (at < c.last) out.push_back({at, c.last});
  return out;
}

}  // namespace weft
