// Which sizes, mechanisms and positions go together; wirings are derive_layout's affair.
#pragma once

#include <cstdint>

#include "model/axes.h"
#include "model/config.h"

namespace weft {

/// Bounds far above any real model, low enough that every count of elements and bytes fits 63 bits.
struct SizeBounds {
  int64_t least, most;
};
namespace size_bounds {
inline constexpr SizeBounds vocab{2, int64_t{1} << 24};
inline constexpr SizeBounds dim{1, int64_t{1} << 20};
inline constexpr SizeBounds layers{1, 1024};  ///< executed ones too
inline constexpr SizeBounds heads{1, 1024};
inline constexpr SizeBounds head_dim{1, 65536};
inline constexpr SizeBounds ffn{1, int64_t{1} << 22};
inline constexpr SizeBounds context{1, int64_t{1} << 30};
inline constexpr SizeBounds window{0, int64_t{1} << 30};
}  // namespace size_bounds

/// Throws Error(config) naming the key: sizes out of range (so that no product of them overflows),
/// kv_heads that does not divide heads, an odd head size under rotation, a position that a
/// mechanism cannot take, a window on a recurrent mechanism, per-layer entries that are not one an
/// executed layer or differ within a block, a wiring listed twice, a composition that does not
/// exist.
void check_config(const ModelConfig& config, const Axes& axes);

}  // namespace weft
