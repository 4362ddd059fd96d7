#include "attention/positions/alibi.h"

#include <cmath>

namespace weft {

std::vector<double> alibi_slopes(int64_t heads) {
  int64_t power = 1;
  while (power * 2 <= heads) power *= 2;
  std::vector<double> slopes;
  const auto slope = [](int64_t h, int64_t of) { return std::exp2(-8.0 * double(h) / double(of)); };
  for (int64_t h = 1; h <= power; ++h) slopes.push_back(slope(h, power));
  for (int64_t h = 1; int64_t(slopes.size()) < heads; h += 2) {
    slopes.push_back(slope(h, 2 * power));
  }
  return slopes;
}

}  // namespace weft
