// The rows of a chunk of logits, in place: exponentials and their sum, then the gradient.
#include "ops/cross_entropy/softmax_isa.h"
#include "simd/math.h"

namespace weft::WEFT_ISA {
namespace {

/// In place also from f32 to bf16: what is written lies before what is still to be read, and the
/// lanes of one step are read first.
template <class To>
WEFT_INLINE void scale(float* z, To* to, int64_t n, float factor) {
  const Vec f = splat(factor);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(to + i, load(z + i) * f);
  const int rest = static_cast<int>(n - i);
  store_partial(to + i, load_partial(z + i, rest) * f, rest);
}

}  // namespace

RowSum exp_row(float* z, int64_t n) noexcept {
  const int64_t whole = n / kLanes * kLanes;
  const int rest = static_cast<int>(n - whole);
  const Mask present = first_lanes(rest);
  const Vec lowest = splat(-__builtin_inff());
  Vec top = present ? load_partial(z + whole, rest) : lowest;
  for (int64_t i = 0; i < whole; i += kLanes) top = max(top, load(z + i));
  const float largest = max_lane(top);
  const Vec shift = splat(largest);
  Vec total{};
  for (int64_t i = 0; i < whole; i += kLanes) {
    const Vec e = exp(load(z + i) - shift);
    store(z + i, e);
    total += e;
  }
  const Vec e = exp(load_partial(z + whole, rest) - shift);
  store_partial(z + whole, e, rest);
  return {largest, sum(total + (present ? e : Vec{}))};
}

void scale_row(float* z, int64_t n, float factor) noexcept {
  scale(z, z, n, factor);
}

void scale_row_bf16(float* z, int64_t n, float factor) noexcept {
  scale(z, reinterpret_cast<bf16*>(z), n, factor);
}

}  // namespace weft::WEFT_ISA
