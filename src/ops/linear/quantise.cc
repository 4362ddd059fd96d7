#include <algorithm>
#include <cmath>

#include "ops/linear/projection.h"

namespace weft {
namespace {

template <class T>
void quantise_row(const T* row, int64_t n, int8_t* integers, float* scale) {
  float most = 0;
  for (int64_t i = 0; i < n; ++i) most = std::max(most, std::fabs(static_cast<float>(row[i])));
  *scale = most / 127;
  // Rows below 127 denormals have no scale that divides them.
  const float inverse = *scale > 0 ? 1 / *scale : 0;
  const float factor = std::isfinite(inverse) ? inverse : 0;
  for (int64_t i = 0; i < n; ++i) {
    const float x = std::nearbyint(static_cast<float>(row[i]) * factor);
    integers[i] = static_cast<int8_t>(std::clamp(x, -127.0F, 127.0F));
  }
}

}  // namespace

void quantise_rows(const TensorView& weights, int8_t* integers, float* scales) {
  const int64_t out = weights.desc.shape[0], in = weights.desc.shape[1];
  const auto rows = [&](const auto* from) {
    for (int64_t o = 0; o < out; ++o)
      quantise_row(from + o * in, in, integers + o * in, scales + o);
  };
  if (weights.desc.dtype == DType::f64) return rows(weights.as<double>());
  if (weights.desc.dtype == DType::f32) return rows(weights.as<float>());
  rows(weights.as<bf16>());
}

}  // namespace weft
