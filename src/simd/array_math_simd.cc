#include "simd/array_math_isa.h"
#include "simd/math.h"

namespace weft::WEFT_ISA {

namespace {

template <class F>
void map(const float* x, float* y, int64_t n, F f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, f(load(x + i)));
  const int rest = static_cast<int>(n - i);
  store_partial(y + i, f(load_partial(x + i, rest)), rest);
}

}  // namespace

void array_exp(const float* x, float* y, int64_t n) {
  map(x, y, n, [](Vec v) { return exp(v); });
}
void array_exp_weight(const float* x, float* y, int64_t n) {
  map(x, y, n, [](Vec v) { return exp_weight<float>(v); });
}
void array_exp_weight_bf16(const float* x, float* y, int64_t n) {
  map(x, y, n, [](Vec v) { return exp_weight<bf16>(v); });
}

void array_gate(const float* z, float* open, float* closed, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const int lanes = static_cast<int>(n - i < kLanes ? n - i : kLanes);
    const Gate g = gate(load_partial(z + i, lanes));
    store_partial(open + i, g.open, lanes);
    store_partial(closed + i, g.closed, lanes);
  }
}

void array_to_bf16(const float* x, bf16* y, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, load(x + i));
  const int rest = static_cast<int>(n - i);
  store_partial(y + i, load_partial(x + i, rest), rest);
}

void array_to_f32(const bf16* x, float* y, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, load(x + i));
  const int rest = static_cast<int>(n - i);
  store_partial(y + i, load_partial(x + i, rest), rest);
}

float array_sum(const float* x, int64_t n) {
  Vec s{};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) s += load(x + i);
  return sum(s + load_partial(x + i, static_cast<int>(n - i)));
}

}  // namespace weft::WEFT_ISA
