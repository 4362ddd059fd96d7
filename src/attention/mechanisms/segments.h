// Stick-breaking over runs of keys: how two runs make one.
#pragma once

#include <cstdint>

namespace weft {

/// A run of keys walked alone from stick 1 gives a vector o [n] and the stick r that it leaves. The
/// near run followed by the far one gives (near.o + near.r * far.o, near.r * far.r): associative,
/// exact, ordered (near first). Both are [n + 1], r last; the result replaces `near`.
template <class T>
void combine(T* near, const T* far, int64_t n) {
  for (int64_t d = 0; d < n; ++d) near[d] += near[n] * far[d];
  near[n] *= far[n];
}

}  // namespace weft
