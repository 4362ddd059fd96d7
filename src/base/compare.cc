#include "base/compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace weft {

double Comparison::error() const {
  return std::max(relative_l2, relative_max);
}

Comparison compare(const TensorView& got, const TensorView& want) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  if (got.desc.shape != want.desc.shape) {
    return {inf, inf, -1, "shapes differ: " + got.desc.str() + " and " + want.desc.str()};
  }
  double diff2 = 0, want2 = 0, diff_max = -1, want_max = 0;
  int64_t worst = -1;
  for (int64_t i = 0; i < got.desc.numel(); ++i) {
    const double g = get(got, i), w = get(want, i);
    if (std::isinf(g) && g == w) continue;
    if (!std::isfinite(g) || !std::isfinite(w)) {
      return {inf, inf, i, "not finite at " + std::to_string(i)};
    }
    const double d = std::abs(g - w);
    diff2 += d * d;
    want2 += w * w;
    want_max = std::max(want_max, std::abs(w));
    if (d > diff_max) diff_max = d, worst = i;
  }
  diff_max = std::max(diff_max, 0.0);
  return {want2 > 0 ? std::sqrt(diff2 / want2) : std::sqrt(diff2),
          want_max > 0 ? diff_max / want_max : diff_max,
          worst,
          {}};
}

bool same_bits(const TensorView& a, const TensorView& b) {
  if (a.desc != b.desc) return false;
  return a.desc.bytes() == 0 || std::memcmp(a.data, b.data, a.desc.bytes()) == 0;
}

}  // namespace weft
