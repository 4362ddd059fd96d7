// Loops over one row in vectors. For *_simd.cc files.
#pragma once

#include "simd/vec.h"

namespace weft::WEFT_ISA {

/// A whole vector.
struct Full {};
/// The first n lanes of one; the others read as 0 and are not written.
struct Part {
  int n;
};

template <class T>
WEFT_INLINE Vec load(const T* p, Full) {
  return load(p);
}
template <class T>
WEFT_INLINE Vec load(const T* p, Part part) {
  return load_partial(p, part.n);
}
template <class T>
WEFT_INLINE void store(T* p, Vec v, Full) {
  store(p, v);
}
template <class T>
WEFT_INLINE void store(T* p, Vec v, Part part) {
  store_partial(p, v, part.n);
}
/// p = v, or p += v.
template <class T, class Lanes>
WEFT_INLINE void store_or_add(T* p, Vec v, bool add, Lanes lanes) {
  store(p, add ? load(p, lanes) + v : v, lanes);
}

/// f(i, lanes) for i = 0, kLanes, ... below n; `lanes` is Full but for a last, shorter vector.
template <class F>
WEFT_INLINE void each_vec(int64_t n, F&& f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) f(i, Full{});
  if (i < n) f(i, Part{static_cast<int>(n - i)});
}

}  // namespace weft::WEFT_ISA
