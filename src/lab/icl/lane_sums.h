// Sums over the lanes of packs, always as one tree: what every instruction set computes alike.
#pragma once

#include <cstdint>

namespace weft {
enum class Isa : uint8_t;  // runtime/runtime.h, which kernels must not include
}

namespace weft::icl {

struct LaneSums {
  /// sum[i] = x[i][0] + ... + x[i][15] in double of x [rows, kPack]: lane k + 8 is added to lane k,
  /// then 4, 2, 1.
  void (*fold_f32)(const float* x, int64_t rows, double* sum) noexcept = nullptr;
  void (*fold_f64)(const double* x, int64_t rows, double* sum) noexcept = nullptr;
};
const LaneSums& lane_sums(Isa isa);

}  // namespace weft::icl
