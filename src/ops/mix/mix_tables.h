// A mix, checked and put into the form that its kernels walk.
#pragma once

#include "ops/mix/mix.h"
#include "ops/mix/mix_kernel.h"

namespace weft {

struct MixTables {
  int64_t heads = 1, width = 1;
  std::vector<MixRead> reads;      // [terms, heads]
  std::vector<MixFactor> factors;  // [terms]
  int inputs = 0;

  int64_t terms() const { return static_cast<int64_t>(factors.size()); }
  bool is_source(int input) const;
  bool is_gain(int input) const;
  /// Some term multiplies this source with a gain, whose gradient therefore needs it.
  bool is_gained(int input) const;
};

/// Checks the specification (see make_mix). Heads that lie side by side in every source, and share
/// their coefficients, become one wide head.
MixTables compile_mix(const MixSpec& spec);

}  // namespace weft
