// Sums over lanes; see lane_sums.h.
#include "lab/icl/lane_sums.h"
#include "lab/icl/pack.h"
#include "simd/vec64.h"

namespace weft::WEFT_ISA {
namespace {

WEFT_INLINE Vec64 widened(const float* p) {
  return load_widened(p);
}
WEFT_INLINE Vec64 widened(const double* p) {
  return load(p);
}

template <class T>
void fold(const T* x, int64_t rows, double* sum) noexcept {
  constexpr int kHalf = icl::kPack / 2;
  for (int64_t i = 0; i < rows; ++i) {
    const T* const row = x + i * icl::kPack;
    double s[kHalf];
    for (int lane = 0; lane < kHalf; lane += kLanes64) {
      store(s + lane, widened(row + lane) + widened(row + kHalf + lane));
    }
    sum[i] = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
  }
}

constexpr icl::LaneSums kSums = {fold<float>, fold<double>};

}  // namespace

const icl::LaneSums& icl_lane_sums() noexcept {
  return kSums;
}

}  // namespace weft::WEFT_ISA
